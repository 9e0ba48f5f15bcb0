using System.Collections.Concurrent;
using Lean.Comm;

namespace Lean.Engine.Tests.Ranks;

/// <summary>
/// Every layout computes the model: near one device, the same bits every time, and replicas do not notice each other.
/// Texts of all lengths are among the replicas', also none and a single token.
/// </summary>
public sealed class LayoutTests
{
    private static readonly int[] Lengths = [37, 70, 1, 0];
    private static readonly ConcurrentDictionary<(string Model, int Replica), Dictionary<string, float[]>> Alone = new();

    [Theory]
    [MemberData(nameof(Layouts.All), MemberType = typeof(Layouts))]
    public void A_layout_computes_the_model_and_repeats_its_bits(string model, int tensor, int replicas, bool expert)
    {
        string folder = Layouts.Folder(model);
        var layout = new ParallelLayout(tensor, replicas, expert);
        int[][] texts = Layouts.Texts(folder, Lengths[..replicas]);
        Dictionary<string, float[]>[] found = Layouts.Score(folder, layout, texts, Layouts.Everything);
        for (int replica = 0; replica < replicas; replica++)
        {
            if (texts[replica].Length > 0)
            {
                Layouts.MustBeNear(
                    Alone.GetOrAdd((model, replica), _ => Layouts.Alone(folder, texts[replica], Layouts.Everything)), found[replica], Layouts.Near, $"{layout}, replica {replica}");
            }
        }

        // Other timings, other neighbours, buffers with padding: replica 0 gives the same bits.
        int[][] others = [texts[0], .. Layouts.Texts(folder, 3, 0, 41)[..(replicas - 1)]];
        Layouts.MustBe(found[0], Layouts.Score(folder, layout, others, Layouts.Everything with { PadsReplicas = true }, delaySeed: 1)[0], $"{layout}, padded, beside others");
    }
}
