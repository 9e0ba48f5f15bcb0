using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// What a warp does for generated_delta_net on Hopper, where lane l has the columns 4·(l mod 8) … + 3 and owns the column
/// 4·(l mod 8) + l / 8 (<see cref="DeltaNetColumns"/>).
/// </summary>
public static class DeltaNetSums
{
    /// <summary>silu of a channel's convolution.</summary>
    /// <param name="taps">f32, four.</param>
    /// <param name="past">The three numbers before.</param>
    /// <param name="now">The row's.</param>
    public static float Convolve(U4 taps, float[] past, float now)
    {
        var sum = default(PreciseSum);
        sum.Add(Interop.IntAsFloat(taps.X), past[0]);
        sum.Add(Interop.IntAsFloat(taps.Y), past[1]);
        sum.Add(Interop.IntAsFloat(taps.Z), past[2]);
        sum.Add(Interop.IntAsFloat(taps.W), now);
        float y = sum.Value;
        return y * Scalar.Sigmoid(y);
    }

    /// <summary>Makes the row's number the youngest of the past.</summary>
    public static void Slide(float[] past, float now)
    {
        past[0] = past[1];
        past[1] = past[2];
        past[2] = now;
    }

    /// <summary>Replaces a channel's past.</summary>
    /// <param name="history">f32 [slots, 3, C].</param>
    /// <param name="at">The oldest number's place.</param>
    /// <param name="channels">C.</param>
    /// <param name="past">What it becomes.</param>
    public static void Keep(ArrayView<float> history, long at, int channels, float[] past)
    {
        for (int i = 0; i < 3; i++)
        {
            history[at + ((long)i * channels)] = past[i];
        }
    }

    /// <summary>Leaves a row's results of 32 columns, a lane its own.</summary>
    /// <param name="output">f32 [T, heads, 128], for numbers.</param>
    /// <param name="terms">Pairs of bf16, for pieces (<see cref="RowTermPieces"/>).</param>
    /// <param name="row">The row.</param>
    /// <param name="heads">Value heads.</param>
    /// <param name="head">The value head.</param>
    /// <param name="column">The lane's column.</param>
    /// <param name="blocks">Blocks of 32 along k.</param>
    /// <param name="eights">Eights of rows of a tile, as a power of two.</param>
    /// <param name="count">Terms of a number.</param>
    /// <param name="value">The lane's result, rounded.</param>
    public static void Leave<TForm>(
        ArrayView<float> output, ArrayView<int> terms, int row, int heads, int head, int column, int blocks, int eights, int count, float value)
        where TForm : struct, IRowForm
    {
        if (TForm.ArePieces)
        {
            // The neighbouring column is that of the lane eight away.
            RowTermPieces.StoreHalf(
                terms, RowTermPieces.Place(row, (head * 128) + column, blocks, eights, count), eights, count, value, Lanes.Xor(value, 8), (column & 1) != 0);
        }
        else
        {
            output[((((long)row * heads) + head) * 128) + column] = value;
        }
    }

    /// <summary>The sum of a column over the warp's keys, in the lane that owns the column.</summary>
    /// <param name="sums">Those of the lane's four columns over its own keys.</param>
    /// <param name="lane">The lane.</param>
    public static float ToOwn(float[] sums, int lane)
    {
        bool upper = (lane & 16) != 0, odd = (lane & 8) != 0;
        float even = (upper ? sums[2] : sums[0]) + Lanes.Xor(upper ? sums[0] : sums[2], 16);
        float other = (upper ? sums[3] : sums[1]) + Lanes.Xor(upper ? sums[1] : sums[3], 16);
        return (odd ? other : even) + Lanes.Xor(odd ? even : other, 8);
    }

    /// <summary>The sum over lanes with the same columns.</summary>
    public static float OverQuarters(float value)
    {
        value += Lanes.Xor(value, 16);
        return value + Lanes.Xor(value, 8);
    }

    /// <summary>The sum over all lanes.</summary>
    public static float OfWarp(float value)
    {
        value = OverQuarters(value);
        value += Lanes.Xor(value, 4);
        value += Lanes.Xor(value, 2);
        return value + Lanes.Xor(value, 1);
    }
}
