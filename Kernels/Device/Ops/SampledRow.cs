using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// A row that a token is drawn from: what turns its logits into weights, and which tokens are left. A weight is
/// exp((x − x_max) / T) as a multiple of 2^−g, a whole number, so that sums are exact in any order.
/// </summary>
public struct SampledRow
{
    /// <summary>Numbers that the kernels hand on for each row.</summary>
    public const int StateColumns = 3;

    private const int SettingColumns = 3;

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

    /// <summary>Whether the first token is taken.</summary>
    public bool IsGreedy { get; private set; }

    /// <summary>Reads a row of the step.</summary>
    /// <param name="state">The number of the largest logit (<see cref="LogitOrder.Banned"/> for a fault), then the cut.</param>
    /// <param name="settings">Temperature, top-p, min-p.</param>
    /// <param name="topK">k, or 0.</param>
    /// <param name="row">Which row.</param>
    /// <param name="scale">2^g.</param>
    public static SampledRow Read(ArrayView<int> state, ArrayView<float> settings, ArrayView<int> topK, int row, float scale)
    {
        int at = row * StateColumns;
        float temperature = settings[row * SettingColumns];
        SampledRow r = default;
        r._top = (uint)state[at];
        r._cut = (uint)state[at + 1];
        r._last = state[at + 2];
        r._largest = LogitOrder.Logit(r._top);
        float inverse = 1 / temperature;
        r._inverse = inverse > float.MaxValue ? float.MaxValue : inverse;
        r._scale = scale;

        // By the bits: a device may take the smallest temperatures for 0.
        r.IsGreedy = Interop.FloatAsInt(temperature) == 0 || topK[row] == 1;
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
        state[(row * StateColumns) + 1] = (int)_cut;
        state[(row * StateColumns) + 2] = _last;
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
}
