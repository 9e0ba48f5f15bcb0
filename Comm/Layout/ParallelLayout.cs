using System.Collections.Immutable;
using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// How a model is spread over ranks: TP ranks share every layer, DP replicas share the load, and with EP the experts are
/// placed over all TP · DP ranks. Rank r = dp · TP + tp, so a replica's ranks are neighbours.
/// </summary>
public sealed record ParallelLayout
{
    private const int MaxRanks = 4096;

    /// <summary>Makes a layout.</summary>
    /// <param name="tensor">TP: ranks that share each layer.</param>
    /// <param name="data">DP: replicas.</param>
    /// <param name="expert">Whether experts are placed over all ranks.</param>
    /// <exception cref="InputException">A number is below 1, or there are more ranks than Lean can name.</exception>
    public ParallelLayout(int tensor, int data, bool expert)
    {
        if (tensor < 1 || data < 1 || (long)tensor * data > MaxRanks)
        {
            throw new InputException($"a layout of {tensor} tensor-parallel ranks in {data} replicas, expected at least 1 of each and at most {MaxRanks} ranks in all");
        }

        (Tensor, Data, Expert) = (tensor, data, expert);
    }

    /// <summary>TP: ranks that share each layer.</summary>
    public int Tensor { get; }

    /// <summary>DP: replicas.</summary>
    public int Data { get; }

    /// <summary>Whether experts are placed over all ranks; without it each replica slices every expert over its TP ranks.</summary>
    public bool Expert { get; }

    /// <summary>All ranks.</summary>
    public int Ranks => Tensor * Data;

    /// <summary>A rank's place among the ranks that share its layers.</summary>
    public int TensorRank(int rank) => Check(rank) % Tensor;

    /// <summary>The replica a rank belongs to.</summary>
    public int DataRank(int rank) => Check(rank) / Tensor;

    /// <summary>The ranks that share a rank's layers, by <see cref="TensorRank"/>.</summary>
    public ImmutableArray<int> TensorGroup(int rank) => [.. Enumerable.Range(DataRank(rank) * Tensor, Tensor)];

    /// <summary>The ranks that hold the same slices as a rank, by <see cref="DataRank"/>.</summary>
    public ImmutableArray<int> DataGroup(int rank)
    {
        int first = TensorRank(rank);
        return [.. Enumerable.Range(0, Data).Select(d => (d * Tensor) + first)];
    }

    /// <summary>The ranks over which the experts that a rank's tokens need are spread.</summary>
    public ImmutableArray<int> ExpertGroup(int rank) => Expert ? [.. Enumerable.Range(0, Ranks)] : TensorGroup(rank);

    /// <summary>A rank's group of one kind.</summary>
    public RankGroup Group(GroupKind kind, int rank) => new(kind, rank, kind switch
    {
        GroupKind.World => [.. Enumerable.Range(0, Ranks)],
        GroupKind.Tensor => TensorGroup(rank),
        GroupKind.Data => DataGroup(rank),
        GroupKind.Expert => ExpertGroup(rank),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "not a GroupKind"),
    });

    /// <summary>How many ranks each group of a kind has.</summary>
    public int GroupSize(GroupKind kind) => kind switch
    {
        GroupKind.World => Ranks,
        GroupKind.Tensor => Tensor,
        GroupKind.Data => Data,
        GroupKind.Expert => Expert ? Ranks : Tensor,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "not a GroupKind"),
    };

    /// <summary>The layout as messages print it: TP 2 × DP 2 + EP.</summary>
    public override string ToString() => $"TP {Tensor} × DP {Data}{(Expert ? " + EP" : "")}";

    private int Check(int rank) => rank >= 0 && rank < Ranks
        ? rank
        : throw new ArgumentOutOfRangeException(nameof(rank), rank, $"the layout has ranks 0 to {Ranks - 1}");
}
