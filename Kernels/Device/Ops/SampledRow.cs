using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// A row that a token is drawn from: what turns its logits into weights, and which tokens are left. A weight is
/// exp((x − x_max) / T) as a multiple of 2^−g, a whole number, so that sums are exact in any order.
/// </summary>
public struct SampledRow
{
    // From here on a float is a whole number.
    private const float Whole = 1 << 23;

    private uint _top;
    private uint _cut;
    private int _last;
    private float _largest;
    private float _inverse;
    private float _scale;

    /// <summary>Whether the row has tokens to draw from: no logit is NaN or +∞, and some are not −∞.</summary>
    public readonly bool IsGood => _top > LogitOrder.Banned;

    /// <summary>Where in the order what is left ends.</summary>
    public readonly uint End => _cut;

    /// <summary>The last index of what is left there.</summary>
    public readonly int Last => _last;

    /// <summary>Reads a row of the step.</summary>
    /// <param name="state">See <see cref="TokenRow"/>.</param>
    /// <param name="row">Which row.</param>
    /// <param name="scale">2^g.</param>
    public static SampledRow Read(ArrayView<int> state, int row, float scale)
    {
        int at = row * TokenRow.Columns;
        SampledRow r = default;
        r._top = (uint)state[at + TokenRow.Top];
        r._cut = (uint)state[at + TokenRow.Cut];
        r._last = state[at + TokenRow.Cut + 1];
        r._largest = LogitOrder.Logit(r._top);
        r._inverse = Interop.IntAsFloat((uint)state[at + TokenRow.Inverse]);
        r._scale = scale;
        return r;
    }

    /// <summary>Keeps the tokens before a place in the order, and among those at the place the ones up to an index.</summary>
    public void CutAt(uint below, int last)
    {
        _cut = below;
        _last = last;
    }

    /// <summary>Hands the cut on.</summary>
    public readonly void Write(ArrayView<int> state, int row)
    {
        int at = row * TokenRow.Columns;
        state[at + TokenRow.Cut] = (int)_cut;
        state[at + TokenRow.Cut + 1] = _last;
    }

    /// <summary>How far a logit lies below the largest, in the order's numbers.</summary>
    public readonly uint Below(float x) => _top - LogitOrder.Key(x);

    /// <summary>The logit that lies so far below the largest.</summary>
    public readonly float At(uint below) => LogitOrder.Logit(_top - below);

    /// <summary>Whether a token is left.</summary>
    public readonly bool Keeps(uint below, int token) => below < _cut || IsTied(below, token);

    /// <summary>Whether a token stands at the end of what is left.</summary>
    public readonly bool IsTied(uint below, int token) => below == _cut && token <= _last;

    /// <summary>The weight of a logit; 0 where it is less than <paramref name="least"/> of the largest's.</summary>
    public readonly long Weight(float x, float least)
    {
        float e = GateMath.Exp((x - _largest) * _inverse), scaled = e * _scale;
        long weight = scaled < Whole / 2 ? (long)(scaled + 0.5f) : (long)scaled;

        // A banned token at a temperature whose inverse is 0 gives NaN, which is not above 0.
        return e > 0 && e >= least ? weight : 0;
    }

    /// <summary>The weight of a token if it is left.</summary>
    public readonly long Kept(float x, int token, float least) => Keeps(Below(x), token) ? Weight(x, least) : 0;
}
