using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// The bins of <see cref="TokenBins"/>: how far a logit lies below the largest, rounded down. No logit has a smaller bin
/// than a larger logit, since each step of the arithmetic keeps the order; nothing else is asked of it.
/// </summary>
public struct TokenDistance
{
    private const int Bins = 1 << 12;

    // For counts 128 bins to an octave of the distance, from 2^−15 up to 2^17: the bins around a boundary hold a hundredth
    // of what lies before it, whatever the logits' scale.
    private const int OctaveBits = 7, Nearest = 127 - 15;

    // For weights 128 bins to a factor of e: beyond the last there is no weight.
    private const float PerFactor = 128;

    private float _largest;
    private float _inverse;

    /// <summary>Whether a share of the weights is looked for.</summary>
    public bool IsByWeight { get; private set; }

    /// <summary>Reads a row; see <see cref="TokenRow"/>.</summary>
    public static TokenDistance Read(ArrayView<int> state, int row)
    {
        int at = row * TokenRow.Columns;
        TokenDistance r = default;
        r._largest = LogitOrder.Logit((uint)state[at + TokenRow.Top]);
        r._inverse = Interop.IntAsFloat((uint)state[at + TokenRow.Inverse]);
        r.IsByWeight = state[at + TokenRow.Limit] == TokenRow.ByWeight;
        return r;
    }

    /// <summary>The bin of a logit.</summary>
    public readonly int Bin(float x)
    {
        float distance = _largest - x, factors = distance * _inverse * PerFactor;
        int octaves = (int)(Interop.FloatAsInt(distance) >> (23 - OctaveBits)) - (Nearest << OctaveBits);

        // A banned token's distance may be no number.
        int bin = !IsByWeight ? octaves : factors < Bins - 1 ? (int)factors : Bins - 1;
        return Math.Min(Math.Max(bin, 0), Bins - 1);
    }
}
