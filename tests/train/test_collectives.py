"""Collectives are read from the text of a program: kind, bytes, and whether a loop is around."""

from bestiary.train import collectives

TEXT = """
HloModule jit_step

%add (a: f32[], b: f32[]) -> f32[] {
  ROOT %sum = f32[] add(%a, %b)
}

%body.1 (p: (s32[], bf16[8,4])) -> (s32[], bf16[8,4]) {
  %gathered = bf16[64,4]{1,0} all-gather(%x), channel_id=1, dimensions={0}
  ROOT %t = (s32[], bf16[8,4]{1,0}) tuple(%i, %y)
}

%cond.1 (p: (s32[], bf16[8,4])) -> pred[] {
  ROOT %less = pred[] compare(%i, %n), direction=LT
}

ENTRY %main (x: f32[8,4]) -> f32[8,4] {
  %loop = (s32[], bf16[8,4]{1,0}) while(%init), condition=%cond.1, body=%body.1
  %swapped = (f32[2,4]{1,0}, f32[2,4]{1,0}) all-to-all(%a, %b), replica_groups={{0,1}}
  %begun = (f32[8,4]{1,0}, f32[16,4]{1,0}) all-gather-start(%c), dimensions={0}
  %done = f32[16,4]{1,0} all-gather-done(%begun)
  ROOT %all = f32[8,4]{1,0} all-reduce(%d), to_apply=%add
}
"""


def test_collectives_are_counted_from_the_text() -> None:
    found = [(one.kind, one.bytes, one.looped) for one in collectives(TEXT)]
    assert found == [
        ("all-gather", 64 * 4 * 2, True),
        ("all-to-all", 2 * 2 * 4 * 4, False),
        ("all-gather", 16 * 4 * 4, False),
        ("all-reduce", 8 * 4 * 4, False),
    ]


def test_one_that_is_written_down_beside_several_kernels_counts_once() -> None:
    """A TPU's compiler repeats it, of one channel, in each kernel that hides a part of it."""
    gather = "%g = f32[8,4]{1,0} all-gather(%x), channel_id=2, dimensions={0}"
    hidden = f'{gather}, frontend_attributes={{chain_id="0"}}'
    text = "\n\n".join(
        f"%kernel.{index} (x: f32[1,4]) -> f32[8,4] {{\n  {hidden}\n}}" for index in (1, 2)
    )
    assert [one.bytes for one in collectives(text)] == [128]
    assert len(collectives(text.replace("chain_id", "other"))) == 2
