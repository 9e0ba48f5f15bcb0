using Lean.Comm;
using Lean.Engine.Models;

namespace Lean.Engine.Tests.Ranks;

/// <summary>
/// TP 2, DP 2, EP over all four ranks: rows are dispatched to experts by all ranks, each its share of its replica's rows.
/// The replicas' row counts once stood still here or printed "!!!!".
/// </summary>
public sealed class DispatchTests
{
    private static readonly ParallelLayout Layout = new(tensor: 2, data: 2, expert: true);

    [Fact]
    public void Replicas_of_26_and_30_rows() => Check(26, 30);

    [Fact]
    public void Replicas_of_0_and_1_rows() => Check(0, 1);

    [Fact]
    public void Replicas_of_1_and_0_rows() => Check(1, 0);

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 3)]
    [InlineData(3, 64)]
    [InlineData(65, 129)]
    public void Replicas_of_other_rows(int first, int second) => Check(first, second);

    private static void Check(int first, int second)
    {
        foreach (string model in (string[])["demo", "qwen3-next-moe"])
        {
            string folder = Layouts.Folder(model);
            int[][] texts = Layouts.Texts(folder, first, second);
            Dictionary<string, float[]>[] ragged = Layouts.Score(folder, Layout, texts, Layouts.Everything);
            Dictionary<string, float[]>[] uniform = Layouts.Score(folder, Layout, texts, Layouts.Everything with { PadsReplicas = true }, delaySeed: 5);
            Dictionary<string, float[]>[] gathered = Layouts.Score(folder, Layout, texts, Layouts.Everything with { Dispatch = DispatchKind.Gather }, delaySeed: 7);
            Dictionary<string, float[]>[] exchanged = Layouts.Score(folder, Layout, texts, Layouts.Everything with { Dispatch = DispatchKind.Exchange }, delaySeed: 8);
            Dictionary<string, float[]>[] late = Layouts.Score(folder, Layout, texts, Layouts.Everything, delaySeed: 6);
            for (int replica = 0; replica < 2; replica++)
            {
                Layouts.MustBe(ragged[replica], uniform[replica], $"{model}, replica {replica}, with padding");
                Layouts.MustBe(ragged[replica], gathered[replica], $"{model}, replica {replica}, all rows to all ranks");
                Layouts.MustBe(ragged[replica], exchanged[replica], $"{model}, replica {replica}, rows only to ranks that need them");
                Layouts.MustBe(ragged[replica], late[replica], $"{model}, replica {replica}, with delays");
                if (texts[replica].Length > 0)
                {
                    Layouts.MustBeNear(Layouts.Alone(folder, texts[replica], Layouts.Everything), ragged[replica], Layouts.Near, $"{model}, replica {replica}");
                }
            }
        }
    }
}
