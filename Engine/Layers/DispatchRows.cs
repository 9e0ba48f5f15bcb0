using Lean.Comm;

namespace Lean.Engine.Layers;

/// <summary>
/// Which rows each rank dispatches to experts, for one step. The ranks of a replica share its rows, in their order, counted
/// with padding; of a share the first rows are real, prompts' before generated ones. Experts see the real rows alone: all
/// ranks' prompt rows, then all ranks' generated rows.
/// </summary>
/// <param name="layout">The layout.</param>
internal sealed class DispatchRows(ParallelLayout layout)
{
    private readonly Share[] _shares = new Share[layout.Ranks];

    /// <summary>The shares by rank.</summary>
    public ReadOnlySpan<Share> Shares => _shares;

    /// <summary>Rows of buffers that hold all shares.</summary>
    public int Padded { get; private set; }

    /// <summary>Rows of prompts.</summary>
    public int PromptRows { get; private set; }

    /// <summary>Rows of sequences.</summary>
    public int Rows { get; private set; }

    /// <summary>Whether the shares as they lie are the rows that experts see: no padding, and one class of rows.</summary>
    public bool InOrder => Padded == Rows && (PromptRows == 0 || PromptRows == Rows);

    /// <summary>Counts a step's rows.</summary>
    /// <param name="rows">The step's rows.</param>
    /// <param name="promptRows">How many of each replica's real rows are prompts'; they come first.</param>
    public void Begin(StepRows rows, ReadOnlySpan<int> promptRows)
    {
        (Padded, PromptRows, Rows) = (0, 0, 0);
        for (int rank = 0; rank < _shares.Length; rank++)
        {
            int replica = layout.DataRank(rank), place = layout.TensorRank(rank), ranks = layout.Tensor;
            int padded = rows.Padded[replica].Count, real = rows.Real[replica].Count;
            int first = (place * (padded / ranks)) + int.Min(place, padded % ranks), count = (padded / ranks) + (place < padded % ranks ? 1 : 0);
            int own = int.Clamp(real - first, 0, count), prompts = int.Clamp(promptRows[replica] - first, 0, own);
            _shares[rank] = new Share { First = first, Padded = count, Prompts = prompts, Generated = own - prompts, Place = Padded, PromptPlace = PromptRows };
            Padded += count;
            PromptRows += prompts;
            Rows += own;
        }

        int generated = PromptRows;
        foreach (ref Share share in _shares.AsSpan())
        {
            share.GeneratedPlace = generated;
            generated += share.Generated;
        }
    }

    /// <summary>One rank's rows.</summary>
    internal record struct Share
    {
        /// <summary>The first row, among the replica's.</summary>
        public int First { get; init; }

        /// <summary>Rows with padding.</summary>
        public int Padded { get; init; }

        /// <summary>Real rows of prompts.</summary>
        public int Prompts { get; init; }

        /// <summary>Real generated rows.</summary>
        public int Generated { get; init; }

        /// <summary>Real rows.</summary>
        public readonly int Rows => Prompts + Generated;

        /// <summary>The first row in a buffer of all shares.</summary>
        public int Place { get; init; }

        /// <summary>The first prompt row among those that experts see.</summary>
        public int PromptPlace { get; init; }

        /// <summary>The first generated row among those that experts see.</summary>
        public int GeneratedPlace { get; set; }
    }
}
