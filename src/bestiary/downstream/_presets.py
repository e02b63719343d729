"""Task lists with a name."""

# What arXiv 2509.02046 asked its models, by the names of lm-evaluation-harness, with the solved
# examples before each question; its table 5 averages ten of them.
TASK_LISTS: dict[str, tuple[str, ...]] = {
    "study": (
        "agieval_lsat_ar:3",
        "arc_easy:10",
        "arc_challenge:10",
        "boolq:10",
        "commonsense_qa:10",
        "copa:0",
        "hellaswag:0",
        "hellaswag:10",
        "lambada_openai:0",
        "openbookqa:0",
        "piqa:10",
        "wsc273:0",
        "winogrande:0",
    ),
}
