"""`python -m bestiary.optimizers` prints the page docs/optimizers.md."""

from bestiary.optimizers._reference import reference

if __name__ == "__main__":
    print(reference(), end="")
