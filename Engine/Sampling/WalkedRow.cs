using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Sampling;

/// <summary>
/// A row on its way to its token where no list of candidates decides it. Weights are in units (see <see cref="TokenShares"/>):
/// whole numbers, exact in f64 too.
/// </summary>
internal struct WalkedRow
{
    private bool _weighs;
    private bool _found;
    private long _above;        // tokens above the bins of the prefix
    private long _aboveWeight;  // what they weigh
    private long _ties;
    private long _tieWeight;
    private long _weight;       // what top-k keeps; −1 where that is all, and nobody has added it up yet

    /// <param name="row">Which of the sampled rows.</param>
    /// <param name="output">Which of the output rows.</param>
    /// <param name="choice">How to choose.</param>
    /// <param name="maximum">The largest of all ranks' logits; not finite where the row gets no token, and only takes part.</param>
    /// <param name="uniform">The random number.</param>
    public WalkedRow(int row, int output, in RowChoice choice, float maximum, double uniform)
    {
        (Row, Output, Choice, Uniform) = (row, output, choice, uniform);
        Draws = float.IsFinite(maximum);
        Maximum = Draws ? maximum : 0;
        (Cut, _weight) = (float.NegativeInfinity, -1);
    }

    /// <summary>Which of the sampled rows.</summary>
    public int Row { get; }

    /// <summary>Which of the output rows.</summary>
    public int Output { get; }

    /// <summary>How to choose.</summary>
    public RowChoice Choice { get; }

    /// <summary>The largest of all ranks' logits.</summary>
    public float Maximum { get; }

    /// <summary>Whether the row gets a token.</summary>
    public bool Draws { get; }

    /// <summary>The random number.</summary>
    public double Uniform { get; }

    /// <summary>Whether the row takes part in the search under way.</summary>
    public bool Searches { get; private set; }

    /// <summary>The digits found so far.</summary>
    public uint Prefix { get; private set; }

    /// <summary>The boundary's logit; −∞ where all are kept.</summary>
    public float Cut { get; private set; }

    /// <summary>How many of the tokens on the boundary are kept, the first by index.</summary>
    public long Ties { get; private set; }

    /// <summary>Begins a search.</summary>
    /// <param name="weighs">Whether the boundary is that of top-p; otherwise of top-k.</param>
    public void Begin(bool weighs)
    {
        (_weighs, _found, _above, _aboveWeight, Prefix) = (weighs, Draws, 0, 0, 0);
        Searches = weighs ? Choice.SearchesTopP : Choice.SearchesTopK;
    }

    /// <summary>Fills in what weights follow from.</summary>
    public readonly void CopySettings(Tensor settings, int row) =>
        ((ReadOnlySpan<float>)[Maximum, Choice.Temperature]).CopyTo(settings.Rows(row, 1).AsSpan<float>());

    /// <summary>Finds the next digit.</summary>
    /// <param name="bins">i64 [256, 2]: what all ranks have for each.</param>
    /// <param name="digit">Which digit.</param>
    public void Narrow(ReadOnlySpan<long> bins, int digit)
    {
        if (digit == 0 && _weighs && _weight < 0)
        {
            _weight = 0;
            for (int bin = 0; bin < TokenShares.Bins; bin++)
            {
                _weight += bins[(bin * TokenShares.BinColumns) + 1];
            }
        }

        for (int bin = TokenShares.Bins - 1; bin >= 0 && _found; bin--)
        {
            (long count, long weight) = (bins[bin * TokenShares.BinColumns], bins[(bin * TokenShares.BinColumns) + 1]);
            if (count > 0 && (_weighs ? _aboveWeight + weight >= Target : _above + count >= Choice.TopK))
            {
                (Prefix, _ties, _tieWeight) = ((Prefix * TokenShares.Bins) + (uint)bin, count, weight);
                return;
            }

            (_above, _aboveWeight) = (_above + count, _aboveWeight + weight);
        }

        // Fewer tokens weigh anything than top-k keeps: no boundary is needed.
        _found = false;
    }

    /// <summary>Ends a search: all digits are known.</summary>
    public void End()
    {
        if (!Searches || !_found)
        {
            return;
        }

        long each = _tieWeight / _ties;
        Cut = TokenShares.OfKey(Prefix);
        Ties = _weighs ? Rank(each) : Choice.TopK - _above;
        _weight = _weighs ? _weight : _aboveWeight + (Ties * each);
    }

    private readonly double Target => Choice.TopP * (double)_weight;

    // The least rank from 1 on with above + rank · each ≥ target: the quotient is rounded, the products are exact.
    private readonly long Rank(long each)
    {
        long rank = long.Max(1, (long)Math.Ceiling((Target - _aboveWeight) / each));
        while (rank > 1 && _aboveWeight + ((rank - 1) * each) >= Target)
        {
            rank--;
        }

        while (_aboveWeight + (rank * each) < Target)
        {
            rank++;
        }

        return rank;
    }
}
