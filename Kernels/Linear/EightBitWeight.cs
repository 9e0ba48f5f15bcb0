using System.Runtime.Intrinsics;
using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// A linear's weight [N, K] in eight bits: row n is scale[n] · q[n], q = round(127 · w / largest |w| of the row), a copy in half
/// the bytes of bf16. What is computed from it only guesses: see <see cref="EightBitLinear"/>.
/// </summary>
public sealed unsafe class EightBitWeight : IDisposable
{
    /// <summary>The largest magnitude of q.</summary>
    internal const int Largest = 127;

    // Rows begin at whole vectors, and what is behind their end is 0; so are rows behind the last one, up to a whole tile.
    private const int Alignment = 64;
    private const int Tile = 4;
    private const int Lanes = 16;

    private readonly HostBuffer _values;
    private readonly HostBuffer _scales;

    /// <summary>Rounds a weight, on all processors.</summary>
    /// <param name="weight">bf16 or f32, in memory of the host.</param>
    /// <exception cref="MachineException">There is not enough memory.</exception>
    public EightBitWeight(LinearWeight weight)
    {
        (Inputs, Outputs, Pitch) = (weight.Inputs, weight.Outputs, PitchOf(weight.Inputs));
        _values = HostBuffer.Streamed(ValueBytes(weight));
        try
        {
            _scales = new HostBuffer(Outputs * sizeof(float));
        }
        catch
        {
            _values.Dispose();
            throw;
        }

        LinearWeight.Part* blocks = weight.Blocks;
        Parallel.For(0, weight.BlockCount, i => Round(blocks[i], weight.Type));
        GC.KeepAlive(weight);
    }

    /// <summary>N, output features.</summary>
    public long Outputs { get; }

    /// <summary>K, input features.</summary>
    public long Inputs { get; }

    /// <summary>Bytes that a weight's copy takes.</summary>
    public static long BytesOf(LinearWeight weight) => ValueBytes(weight) + (weight.Outputs * sizeof(float));

    /// <summary>q, row by row.</summary>
    internal sbyte* Values => (sbyte*)_values.Address;

    /// <summary>From one row of q to the next: a multiple of 64.</summary>
    internal long Pitch { get; }

    /// <summary>A scale a row.</summary>
    internal float* Scales => (float*)_scales.Address;

    /// <inheritdoc/>
    public void Dispose()
    {
        _values.Dispose();
        _scales.Dispose();
    }

    /// <summary>What numbers are multiplied with before they are rounded: 0 where they are all 0, next to 0, or not finite.</summary>
    internal static float Factor(int levels, float largest) => float.IsFinite(levels / largest) ? levels / largest : 0;

    private static long PitchOf(long inputs) => (inputs + Alignment - 1) / Alignment * Alignment;

    private static long ValueBytes(LinearWeight weight) => (weight.Outputs + Tile - 1) / Tile * Tile * PitchOf(weight.Inputs);

    private void Round(LinearWeight.Part block, DType type)
    {
        bool bf16 = type == DType.BF16;
        for (long n = 0; n < block.Rows; n++)
        {
            nint row = block.Address + (nint)(n * Inputs * type.Size());
            Vector512<float> most = Vector512<float>.Zero;
            for (long k = 0; k < Inputs; k += Lanes)
            {
                most = Vector512.Max(most, Vector512.Abs(Load(bf16, row, k)));
            }

            float largest = 0;
            for (int i = 0; i < Lanes; i++)
            {
                largest = float.Max(largest, most[i]);
            }

            // What is no number makes the scale none, and with it every product.
            Scales[block.Column + n] = largest / Largest;
            sbyte* target = Values + ((block.Column + n) * Pitch);
            var factor = Vector512.Create(Factor(Largest, largest));
            for (long k = 0; k < Inputs; k += Lanes)
            {
                Vector512<int> rounded = Vector512.ConvertToInt32(Vector512.Round(Load(bf16, row, k) * factor));
                Vector256<short> half = Vector256.Narrow(rounded.GetLower(), rounded.GetUpper());
                Vector128.Narrow(half.GetLower(), half.GetUpper()).Store(target + k);
            }
        }
    }

    // Sixteen elements; zeros behind the end of the row.
    private Vector512<float> Load(bool bf16, nint row, long k)
    {
        if (k + Lanes > Inputs)
        {
            Vector512<float> rest = Vector512<float>.Zero;
            for (int i = 0; k + i < Inputs; i++)
            {
                rest = rest.WithElement(i, bf16 ? DTypes.BF16ToF32(((ushort*)row)[k + i]) : ((float*)row)[k + i]);
            }

            return rest;
        }

        if (!bf16)
        {
            return Vector512.Load((float*)row + k);
        }

        var bits = Vector256.Load((ushort*)row + k);
        return Vector512.ShiftLeft(Vector512.Create(Vector256.WidenLower(bits), Vector256.WidenUpper(bits)), 16).AsSingle();
    }
}
