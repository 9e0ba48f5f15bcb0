using Lean.Comm;
using Lean.Engine.Layers;
using Lean.Engine.Models;
using Lean.Engine.Running;
using Lean.Engine.Sampling;
using Lean.Kernels;
using Lean.Tensors;
using StepRows = Lean.Comm.StepRows;

namespace Lean.Engine.Tests.Ranks;

/// <summary>Ranks that each have the logits of their own tokens choose the tokens that are chosen from all logits, bit for bit.</summary>
public sealed class DividedSamplerTests
{
    private static readonly KernelSet Ops = CpuKernels.Create(CpuBackends.Open(null, "1"));

    public static TheoryData<int, int> Divisions => new() { { 7, 2 }, { 7, 3 }, { 97, 4 }, { 1003, 2 }, { 5003, 3 } };

    [Theory]
    [MemberData(nameof(Divisions))]
    public void Tokens_are_those_of_all_logits(int vocabulary, int ranks)
    {
        foreach ((string name, Func<int, float[]> logits) in Distributions(vocabulary))
        {
            Row[] rows = [.. Parameters(vocabulary).Select((p, i) => new Row(logits(i), p, 40 + i))];
            Choice[] expected = Whole(rows, vocabulary);
            Choice[] found = Divided(new ParallelLayout(ranks, 1, expert: false), [rows], vocabulary)[0];
            for (int i = 0; i < rows.Length; i++)
            {
                string what = $"{name}, {vocabulary} tokens on {ranks} ranks, {rows[i].Parameters}";
                Assert.True(expected[i].Token == found[i].Token, $"{what}: token {found[i].Token}, expected {expected[i].Token}");
                Near(expected[i].LogProbability, found[i].LogProbability, what);
                Assert.True(expected[i].Listed.AsSpan().SequenceEqual(found[i].Listed), $"{what}: listed {string.Join(" ", found[i].Listed)}, expected {string.Join(" ", expected[i].Listed)}");
                for (int j = 0; j < expected[i].Values.Length; j++)
                {
                    Near(expected[i].Values[j], found[i].Values[j], what);
                }
            }
        }
    }

    [Fact]
    public void A_row_has_the_same_bits_alone_and_among_others_and_beside_a_replica_without_rows()
    {
        const int vocabulary = 1003;
        var layout = new ParallelLayout(2, 2, expert: false);
        Row[] rows = [.. Parameters(vocabulary).Select((p, i) => new Row(Normal(i, vocabulary, 3), p, 7 * i))];
        Choice[] together = Divided(layout, [rows, rows[..5]], vocabulary)[0];
        for (int i = 0; i < rows.Length; i++)
        {
            Row[] own = [rows[i]];
            Choice[][] beside = Divided(layout, i % 2 == 0 ? [[], own] : [own, rows[3..9]], vocabulary);
            Choice alone = beside[i % 2 == 0 ? 1 : 0][0];
            Assert.Equal(together[i].Token, alone.Token);
            Assert.Equal(BitConverter.SingleToInt32Bits(together[i].LogProbability), BitConverter.SingleToInt32Bits(alone.LogProbability));
        }
    }

    [Fact]
    public void What_travels_follows_from_parameters()
    {
        ModelConfig config = Config(1003);
        var layout = new ParallelLayout(2, 2, expert: false);
        string[] Planned(params SamplingParameters[][] replicas) =>
        [
            .. new ForwardCollectives(layout, config)
                .Choices([.. replicas.Select(own => Build(own.Select(p => new Row([], p, 10)).ToArray(), 1003, b => ChoiceShape.Of(b, own.Length, 1003)))])
                .Plan(StepRows.Ragged(1, 1)).Entries.Select(static e => e.ToString()),
        ];
        SamplingParameters greedy = SamplingParameters.Greedy, topK = new() { Temperature = 1, TopK = 20, TopP = 0.9 }, topP = new() { Temperature = 1, TopP = 0.9 };
        Assert.Empty(Planned([], []));
        Assert.Equal(["all_gather, candidates: i32 rows [6, 6, 0, 0] of 1 over tp"], Planned([greedy, greedy], []));
        Assert.Equal(["all_gather, candidates: i32 rows [66, 66, 3, 3] of 1 over tp"], Planned([greedy, topK], [greedy]));
        string[] search = ["all_reduce, top-p: i64 rows [0, 0, 1, 1] of 512 over tp"];
        string[] draw = ["all_gather, draw: i64 rows [0, 0, 1, 1] of 2 over tp", "all_gather, draw: i32 rows [0, 0, 1, 1] of 2 over tp"];
        Assert.Equal(["all_gather, candidates: i32 rows [3, 3, 6, 6] of 1 over tp", .. search, .. search, .. search, .. search, .. draw], Planned([greedy], [topP]));
        Assert.Equal(["all_gather, candidates: i32 rows [0, 0, 6, 6] of 1 over tp", .. draw], Planned([], [new() { Temperature = 1, MinP = 0.1 }]));
        Assert.Equal(
            ["all_reduce, top-k: i64 rows [1, 1, 0, 0] of 512 over tp", "all_reduce, top-p: i64 rows [1, 1, 0, 0] of 512 over tp"],
            Planned([new() { Temperature = 1, TopK = 300, TopP = 0.5 }], []).Where(static e => e.StartsWith("all_reduce", StringComparison.Ordinal)).Distinct());
        Assert.Equal(["all_gather, candidates: i32 rows [13, 13, 0, 0] of 1 over tp"], Planned([greedy with { Alternatives = 5 }], []));
    }

    private static IEnumerable<(string, Func<int, float[]>)> Distributions(int vocabulary)
    {
        yield return ("spread", seed => Normal(seed, vocabulary, 3));
        yield return ("close", seed => Normal(seed, vocabulary, 0.01));
        yield return ("ties", seed => [.. Normal(seed, vocabulary, 1).Select(static x => MathF.Round(x))]);
        yield return ("flat", _ => [.. Enumerable.Repeat(-7.25f, vocabulary)]);
        yield return ("zeros of both signs", _ => [.. Enumerable.Range(0, vocabulary).Select(static i => i % 3 == 0 ? -0f : 0f)]);
        yield return ("a fault", seed =>
        {
            float[] logits = Normal(seed, vocabulary, 2);
            logits[seed * 13 % vocabulary] = seed % 3 == 0 ? float.NaN : seed % 3 == 1 ? float.PositiveInfinity : 1;
            return logits;
        }
        );
    }

    private static IEnumerable<SamplingParameters> Parameters(int vocabulary)
    {
        SamplingParameters one = new() { Temperature = 1, Seed = 5 };
        foreach (SamplingParameters p in (SamplingParameters[])[
            new(), one, one with { Temperature = 0.3 }, one with { Temperature = 1e-4 }, one with { Temperature = 1e30 }, one with { TopP = 0.1 }, one with { TopP = 0.5 },
            one with { TopP = 0.95, Temperature = 2 }, one with { TopP = 0.999 }, one with { TopP = 1e-6 }, one with { MinP = 0.02 }, one with { MinP = 1 }])
        {
            yield return p;
        }

        foreach (int k in (int[])[1, 2, 20, 255, 256, 257, 700, vocabulary - 1, vocabulary, vocabulary + 1])
        {
            yield return one with { TopK = k };
            yield return one with { TopK = k, TopP = 0.8, Temperature = 0.7, Seed = k };
            yield return one with { TopK = k, TopP = 0.97, MinP = 0.05, Temperature = 1.5, Alternatives = k % 20 };
        }

        TokenBias[] biases = [new(0, 3), new(vocabulary / 2, float.NegativeInfinity), new(vocabulary - 1, 2)];
        foreach (SamplingParameters p in (SamplingParameters[])[new(), one, one with { TopK = 5 }, one with { TopP = 0.7 }])
        {
            yield return p with { LogitBias = biases };
            yield return p with { RepetitionPenalty = 1.3, PresencePenalty = 0.5, FrequencyPenalty = 0.25, LogitBias = biases };
            yield return p with { MinTokens = 900, Alternatives = 3 };
        }
    }

    // Masks, as a grammar makes them: every third position has one, which allows a stretch of tokens.
    private static SamplingRows Mask(in SamplingRows rows, Row[] all, int vocabulary, Arena arena)
    {
        int[] outputs = rows.Rows.AsSpan<int>().ToArray(), masked = [.. Enumerable.Range(0, rows.Count).Where(i => all[outputs[i]].Position % 3 == 1)];
        if (masked.Length == 0)
        {
            return rows;
        }

        int words = (int)MaskLogits.Words(vocabulary);
        Tensor which = arena.I32(masked.Length, 1).Reshape(new Shape(masked.Length)), masks = arena.I32(masked.Length, words);
        masked.CopyTo(which.AsSpan<int>());
        masks.AsSpan<int>().Clear();
        for (int row = 0; row < masked.Length; row++)
        {
            // The middle of the vocabulary, which ranks divide, with a gap.
            for (int token = vocabulary / 3; token < vocabulary - 1; token++)
            {
                masks.AsSpan<int>()[(row * words) + (token / 32)] |= token % 5 == 2 ? 0 : 1 << (token % 32);
            }
        }

        return rows with { Masked = which, Masks = masks };
    }

    private static T Build<T>(Row[] rows, int vocabulary, Func<SamplingRows, T> use)
    {
        using var builder = new SamplingBuilder(int.Max(rows.Length, 1));
        builder.Begin(2000L * rows.Length, 2000L * rows.Length);
        for (int i = 0; i < rows.Length; i++)
        {
            var sampler = new SequenceSampler(rows[i].Parameters, [1, 2, 3, vocabulary - 1], maxTokens: 1000, endTokens: [0, vocabulary - 2], vocabulary);
            foreach (int token in (int[])[3, 3, vocabulary / 2, vocabulary - 3])
            {
                sampler.Append(token);
            }

            builder.Add(i, i, rows[i].Position, sampler);
        }

        return use(builder.Build());
    }

    private static Choice[] Whole(Row[] rows, int vocabulary) => Build(rows, vocabulary, built =>
    {
        using var arena = new Arena();
        arena.Begin();
        Tensor logits = Logits(rows, 0, vocabulary, arena);
        return Copy(new Sampler(Ops).Choose(logits, Mask(built, rows, vocabulary, arena), Positions(rows, arena), arena, new ResultRoom(arena)), built);
    });

    private static Choice[][] Divided(ParallelLayout layout, Row[][] replicas, int vocabulary)
    {
        ModelConfig config = Config(vocabulary);
        ChoiceShape[] shapes = [.. replicas.Select(own => Build(own, vocabulary, built => ChoiceShape.Of(built, own.Length, vocabulary)))];
        var plan = new ForwardCollectives(layout, config).Choices(shapes).Plan(StepRows.Ragged([.. replicas.Select(static own => own.Length)]));
        Choice[][] found = new Choice[layout.Data][];
        using var world = new LoopbackWorld(layout);
        world.Run(collectives =>
        {
            var shard = ModelShard.Of(config, layout, collectives.Rank);
            var peers = new Peers(collectives);
            peers.Begin(plan, new int[layout.Data]);
            Row[] rows = replicas[layout.DataRank(collectives.Rank)];
            Choice[] own = Build(rows, vocabulary, built =>
            {
                using var arena = new Arena();
                arena.Begin();
                Tensor logits = Logits(rows, (int)shard.Vocabulary.Start, (int)shard.Vocabulary.Count, arena);
                var sampler = new Sampler(CpuKernels.Create(CpuBackends.Open(null, "1")), new VocabularyPeers(peers, shard));
                return Copy(sampler.Choose(logits, Mask(built, rows, vocabulary, arena), Positions(rows, arena), arena, new ResultRoom(arena)), built);
            });
            lock (found)
            {
                // All ranks of a replica come to the same.
                ref Choice[] kept = ref found[layout.DataRank(collectives.Rank)];
                Assert.Equal((kept ?? own).Select(static c => (c.Token, BitConverter.SingleToInt32Bits(c.LogProbability))), own.Select(static c => (c.Token, BitConverter.SingleToInt32Bits(c.LogProbability))));
                kept = own;
            }

            collectives.BeginStep(1, plan: new CollectivePlan(StepRows.Ragged(new int[layout.Data]), []));
        });
        return found;
    }

    private static Tensor Logits(Row[] rows, int first, int count, Arena arena)
    {
        Tensor logits = arena.F32(rows.Length, count);
        for (int i = 0; i < rows.Length; i++)
        {
            rows[i].Logits.AsSpan(first, count).CopyTo(logits.Rows(i, 1).AsSpan<float>());
        }

        return logits;
    }

    private static Tensor Positions(Row[] rows, Arena arena)
    {
        Tensor positions = arena.I32(rows.Length, 1).Reshape(new Shape(rows.Length));
        for (int i = 0; i < rows.Length; i++)
        {
            positions.AsSpan<int>()[i] = rows[i].Position;
        }

        return positions;
    }

    private static Choice[] Copy(StepOutput output, in SamplingRows built)
    {
        int count = output.Tokens.IsEmpty ? 0 : (int)output.Tokens.Shape[0];
        var choices = new Choice[count];
        for (int i = 0; i < count; i++)
        {
            int list = built.ListedCount == 0 ? -1 : built.Listed.AsSpan<int>().IndexOf(i);
            choices[i] = new Choice(
                output.Tokens.AsSpan<int>()[i], output.LogProbabilities.AsSpan<float>()[i],
                list < 0 ? [] : output.Listed.Rows(list, 1).AsSpan<int>().ToArray(), list < 0 ? [] : output.ListedValues.Rows(list, 1).AsSpan<float>().ToArray());
        }

        return choices;
    }

    private static ModelConfig Config(int vocabulary) => ModelConfigReader.Read(Layouts.Folder("qwen3.5-dense")) with
    {
        Vocabulary = vocabulary,
        Heads = 12,
        KvHeads = 1,
        Mixers = [MixerKind.Attention],
    };

    private static float[] Normal(int seed, int count, double scale)
    {
        var random = new Random((seed * 31) + count);
        return [.. Enumerable.Range(0, count).Select(_ => (float)(scale * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())))];
    }

    private static void Near(float expected, float found, string what) => Assert.True(
        float.IsNaN(expected) ? float.IsNaN(found) : float.Abs(expected - found) <= 3e-6f * float.Max(1, float.Abs(expected)), $"{what}: log-probability {found}, expected {expected}");

    private sealed record Row(float[] Logits, SamplingParameters Parameters, int Position);

    private sealed record Choice(int Token, float LogProbability, int[] Listed, float[] Values);
}
