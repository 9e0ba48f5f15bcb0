using Lean.Comm;
using Lean.Engine.Tests.Forward;

namespace Lean.Engine.Tests.Ranks;

/// <summary>A row's bits do not depend on the rows beside it, in its replica or in others, whoever dispatches it to experts.</summary>
public sealed class NeighbourTests
{
    private static readonly ParallelLayout[] All =
    [
        new(2, 1, expert: false), new(4, 1, expert: false), new(2, 2, expert: true), new(1, 3, expert: true),
    ];

    [Theory]
    [InlineData("qwen3.5-moe")]
    [InlineData("qwen3-next-moe")]
    [InlineData("qwen3.5-dense")]
    public void A_sequence_gives_the_same_bits_alone_and_in_company(string model)
    {
        string folder = Layouts.Folder(model);
        RankSteps.Text[] all = [Text(37, 30, 1), Text(12, 5, 2), Text(70, 66, 3), Text(3, 1, 4), Text(20, 9, 5)];
        foreach (ParallelLayout layout in All)
        {
            foreach (int replica in Enumerable.Range(0, layout.Data))
            {
                float[] alone = RankSteps.Run(folder, layout, Place(layout, replica, [all[0]]))[replica][0];
                foreach (bool pads in (bool[])[false, true])
                {
                    RankSteps.Text[][] crowd = [.. Enumerable.Range(0, layout.Data).Select(r => r == replica ? all : all[^(1 + r)..])];
                    float[] found = RankSteps.Run(folder, layout, crowd, pads)[replica][0];
                    Assert.True(
                        alone.Select(BitConverter.SingleToInt32Bits).SequenceEqual(found.Select(BitConverter.SingleToInt32Bits)),
                        $"{model}, {layout}, replica {replica}{(pads ? ", padded" : "")}: another row changed the bits of a row");
                }
            }
        }
    }

    [Theory]
    [InlineData("qwen3.5-moe")]
    [InlineData("demo")]
    public void Prompts_and_generated_rows_are_near_one_device(string model)
    {
        string folder = Layouts.Folder(model);
        RankSteps.Text[] texts = [Text(24, 20, 6), Text(11, 2, 7)];
        float[][] expected = RankSteps.Run(folder, new ParallelLayout(1, 1, expert: false), [texts])[0];
        foreach (ParallelLayout layout in All)
        {
            float[][] found = RankSteps.Run(folder, layout, Place(layout, layout.Data - 1, texts))[^1];
            for (int i = 0; i < texts.Length; i++)
            {
                float worst = expected[i].Zip(found[i], static (e, f) => float.IsFinite(f) ? float.Abs(e - f) : float.PositiveInfinity).Max();
                Assert.True(worst <= Layouts.Near, $"{layout}: text {i} is off by {worst}");
            }
        }
    }

    private static RankSteps.Text Text(int length, int promptLength, int seed) => new(Prompts.Random(length, 250, seed), promptLength);

    private static RankSteps.Text[][] Place(ParallelLayout layout, int replica, RankSteps.Text[] texts) =>
        [.. Enumerable.Range(0, layout.Data).Select(r => r == replica ? texts : [])];
}
