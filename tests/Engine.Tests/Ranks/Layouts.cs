using Lean.Comm;
using Lean.Engine.Models;
using Lean.Engine.Running;
using Lean.Engine.Scoring;
using Lean.Kernels;

namespace Lean.Engine.Tests.Ranks;

/// <summary>Scores on ranks that are threads, and what must hold of them.</summary>
internal static class Layouts
{
    /// <summary>How far a layout's numbers may be from one device's: sums have another order.</summary>
    internal const float Near = 1e-3f;

    internal static readonly ScoreOptions Everything = new() { Logits = true, Hidden = true, MtpDepth = 2 };

    /// <summary>Every model on 1, 2 and 4 ranks a replica, of 1, 2 and 4 replicas, with and without expert parallelism.</summary>
    public static TheoryData<string, int, int, bool> All
    {
        get
        {
            var data = new TheoryData<string, int, int, bool>();
            foreach (string model in (string[])["qwen3-next-moe", "qwen3.5-moe", "qwen3.5-dense", "demo"])
            {
                foreach (int tensor in (int[])[1, 2, 4])
                {
                    foreach (int replicas in (int[])[1, 2, 4])
                    {
                        data.Add(model, tensor, replicas, false);
                        data.Add(model, tensor, replicas, true);
                    }
                }
            }

            return data;
        }
    }

    internal static string Folder(string model) => model == "demo" ? TestData.Demo : TestData.Path($"fixtures/{model}");

    internal static int[][] Texts(string folder, params int[] lengths)
    {
        int vocabulary = ModelConfigReader.Read(folder).Vocabulary;
        return [.. lengths.Select((length, i) => Forward.Prompts.Random(length, vocabulary, seed: 100 + i))];
    }

    /// <summary>What one device makes of a text.</summary>
    internal static Dictionary<string, float[]> Alone(string folder, int[] text, ScoreOptions options)
    {
        using var model = LoadedModel.Open(folder, CpuBackends.Open(null, "1"));
        using ScoreResult result = new Scorer(model).Score(text, options);
        return Copy(result);
    }

    /// <summary>What a layout makes of a text per replica, by replica.</summary>
    /// <param name="folder">The checkpoint.</param>
    /// <param name="layout">The layout.</param>
    /// <param name="texts">The texts by replica.</param>
    /// <param name="options">What to compute.</param>
    /// <param name="delaySeed">Delays ranks at random where it is not 0.</param>
    internal static Dictionary<string, float[]>[] Score(string folder, ParallelLayout layout, int[][] texts, ScoreOptions options, int delaySeed = 0)
    {
        using var world = new LoopbackWorld(layout, delaySeed == 0 ? null : Delays(layout, delaySeed));
        using ParallelScore score = ParallelScorer.Score(folder, world, texts, options);
        return [.. Enumerable.Range(0, layout.Data).Select(replica => Copy(score[replica]))];
    }

    /// <summary>Asserts that numbers agree.</summary>
    internal static void MustBeNear(Dictionary<string, float[]> expected, Dictionary<string, float[]> found, float tolerance, string where)
    {
        Assert.Equal(expected.Keys.Order(), found.Keys.Order());
        foreach ((string key, float[] values) in expected)
        {
            Assert.Equal(values.Length, found[key].Length);
            float worst = 0;
            for (int i = 0; i < values.Length; i++)
            {
                worst = float.IsFinite(found[key][i]) ? float.Max(worst, float.Abs(values[i] - found[key][i])) : float.PositiveInfinity;
            }

            Assert.True(worst <= tolerance, $"{where}: {key} is off by {worst}, expected at most {tolerance}");
        }
    }

    /// <summary>Asserts that bits agree.</summary>
    internal static void MustBe(Dictionary<string, float[]> expected, Dictionary<string, float[]> found, string where)
    {
        Assert.Equal(expected.Keys.Order(), found.Keys.Order());
        foreach ((string key, float[] values) in expected)
        {
            Assert.True(
                values.AsSpan().SequenceEqual(found[key]) && values.Select(BitConverter.SingleToInt32Bits).SequenceEqual(found[key].Select(BitConverter.SingleToInt32Bits)),
                $"{where}: {key} differs in its bits");
        }
    }

    /// <summary>What a score holds, apart from the memory it is in.</summary>
    internal static Dictionary<string, float[]> Copy(ScoreResult result)
    {
        var copy = result.Tensors.Where(static t => t.Value.Shape.Count > 0).ToDictionary(static t => t.Key, static t => t.Value.AsSpan<float>().ToArray());
        copy["nll"] = result.NegativeLogLikelihood;
        return copy;
    }

    // Ranks sleep, yield or go on, each by random numbers of its own.
    internal static Action<int> Delays(ParallelLayout layout, int seed)
    {
        Random[] random = [.. Enumerable.Range(0, layout.Ranks).Select(rank => new Random((seed * 1000) + rank))];
        return rank =>
        {
            switch (random[rank].Next(40))
            {
                case 0:
                    Thread.Sleep(1);
                    break;
                case < 10:
                    Thread.Yield();
                    break;
                default:
                    break;
            }
        };
    }
}
