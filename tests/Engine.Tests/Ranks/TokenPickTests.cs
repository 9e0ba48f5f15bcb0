using Lean.Comm;
using Lean.Engine.Models;
using Lean.Engine.Running;
using Lean.Kernels;
using Lean.Tensors;
using StepRows = Lean.Comm.StepRows;

namespace Lean.Engine.Tests.Ranks;

/// <summary>The choice of a token from ranks' best ones is that from all logits.</summary>
public sealed class TokenPickTests
{
    [Fact]
    public void Equal_logits_go_to_the_lowest_token_and_a_fault_to_none()
    {
        Assert.Equal(3, Best(new(3, 2, -0.5f), new(40, 2, -1), new(90, 1, 0)).Token);
        Assert.Equal(40, Best(new(3, 2, -0.5f), new(40, 2.5f, -0.5f), new(90, 2.5f, -0.5f)).Token);
        Assert.Equal(7, Best(new(70, -1, 0), new(7, -1, 0)).Token);
        Assert.Equal(TokenPick.None, Best(new(3, 2, -0.5f), TokenPick.None, new(90, 9, 0)));
        Assert.Equal(TokenPick.None, Best(TokenPick.None, new(90, 9, 0)));

        // Two ranks with one token each: p = 1 / (1 + e⁻¹).
        Assert.Equal(-Math.Log(1 + Math.Exp(-1)), Best(new(0, 1, 0), new(1, 0, 0)).LogProbability, 1e-6);
    }

    [Theory]
    [InlineData("demo", 4)]
    [InlineData("qwen3-next-moe", 2)]
    public void Ranks_pick_what_all_logits_give(string model, int tensor)
    {
        const int rows = 9;
        using var world = new LoopbackWorld(new ParallelLayout(tensor, 1, expert: false));
        world.Run(collectives =>
        {
            using var loaded = LoadedModel.Open(Layouts.Folder(model), ComputeDevice.Of(CpuBackends.Open(null, "1")), collectives);
            using var arena = new Arena();
            arena.Begin();
            Tensor hidden = arena.F32(rows, loaded.Model.Config.Hidden);
            var random = new Random(5);
            foreach (ref float value in hidden.AsSpan<float>())
            {
                value = (float)(random.NextDouble() - 0.5) * 8;
            }

            hidden.Rows(rows - 1, 1).AsSpan<float>()[0] = float.NaN;
            loaded.Model.Peers!.Begin(
                new ForwardCollectives(world.Layout, loaded.Model.Shard.Whole).Logits([rows]).Picks([rows]).Picks([rows]).Plan(StepRows.Ragged(rows)), [0]);
            Tensor logits = loaded.Model.Logits(hidden, promptRows: 0, arena);
            Tensor best = arena.I32(rows, 1).Reshape(new Shape(rows)), expected = arena.F32(rows, 1).Reshape(new Shape(rows));
            loaded.Ops.GreedyPick.Run(logits, best, expected);
            Tensor tokens = arena.I32(rows, 1).Reshape(new Shape(rows)), values = arena.F32(rows, 1).Reshape(new Shape(rows));
            loaded.Model.Pick(hidden, promptRows: 0, tokens, values, eightBit: null, arena);
            Assert.Equal(best.AsSpan<int>().ToArray(), tokens.AsSpan<int>().ToArray());
            Assert.Equal(-1, tokens.AsSpan<int>()[rows - 1]);
            for (int row = 0; row < rows - 1; row++)
            {
                Assert.Equal(expected.AsSpan<float>()[row], values.AsSpan<float>()[row], 1e-5f);
            }

            // By the rounded head too, which is rounded row by row: however it is divided, drafts are the same.
            using LoadedModel alone = LoadedModel.Open(Layouts.Folder(model), ComputeDevice.Of(CpuBackends.Open(null, "1")));
            using EightBitWeight? whole = alone.Model.EightBitHead(), part = loaded.Model.EightBitHead();
            alone.Model.Pick(hidden, promptRows: 0, best, expected, whole, arena);
            loaded.Model.Pick(hidden, promptRows: 0, tokens, values, part, arena);
            Assert.Equal(best.AsSpan<int>().ToArray(), tokens.AsSpan<int>().ToArray());
        });
    }

    private static TokenPick Best(params TokenPick[] picks)
    {
        int[] words = new int[picks.Length * TokenPick.Words];
        for (int i = 0; i < picks.Length; i++)
        {
            picks[i].Write(words.AsSpan(TokenPick.Words * i));
        }

        return TokenPick.Best(words, 0, TokenPick.Words);
    }
}
