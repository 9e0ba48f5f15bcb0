using Lean.Engine.Models;
using Lean.Tensors;

namespace Lean.Engine.Weights;

/// <summary>
/// Looks for weights that are NaN or infinite, where a fault was found: reading all weights when a model is loaded would
/// take minutes for a large one, while those of one layer are read in a moment.
/// </summary>
/// <param name="source">The checkpoint's tensors.</param>
/// <param name="textPrefix">What the text model's names begin with.</param>
/// <param name="config">The model.</param>
internal sealed unsafe class WeightScan(ITensorSource source, string textPrefix, ModelConfig config)
{
    private readonly Dictionary<int, string?> _found = [];

    /// <summary>The first bad weight among those read at a place of the model, as messages name it, or null where all are finite.</summary>
    public string? Find(int place)
    {
        if (!_found.TryGetValue(place, out string? found))
        {
            found = source.Names.Where(n => FaultPlace.Reads(place, n, textPrefix, config))
                .Order(StringComparer.Ordinal)
                .Select(n => source.TryGet(n, out Tensor tensor) && Describe(tensor) is { } what ? $"{n} holds {what}" : null)
                .FirstOrDefault(static what => what is not null);
            _found[place] = found;
        }

        return found;
    }

    /// <summary>A tensor's first value that is not finite, such as "NaN at [3, 5]", or null.</summary>
    public static string? Describe(Tensor tensor)
    {
        long count = tensor.Shape.Count;
        long at = tensor.Type switch
        {
            DType.F32 => First((uint*)tensor.Address, count),
            DType.BF16 => First((ushort*)tensor.Address, count, 0x7f80),
            DType.F16 => First((ushort*)tensor.Address, count, 0x7c00),
            _ => -1,
        };
        if (at < 0)
        {
            return null;
        }

        float value = tensor.Type switch
        {
            DType.F32 => ((float*)tensor.Address)[at],
            DType.BF16 => DTypes.BF16ToF32(((ushort*)tensor.Address)[at]),
            _ => (float)BitConverter.UInt16BitsToHalf(((ushort*)tensor.Address)[at]),
        };
        var place = new long[tensor.Shape.Rank];
        for (int d = place.Length - 1; d >= 0; d--)
        {
            (at, place[d]) = long.DivRem(at, tensor.Shape[d]);
        }

        string name = float.IsNaN(value) ? "NaN" : value > 0 ? "infinity" : "minus infinity";
        return $"{name} at [{string.Join(", ", place)}]";
    }

    // A number is not finite where all bits of its exponent are set.
    private static long First(ushort* values, long count, ushort exponent)
    {
        for (long i = 0; i < count; i++)
        {
            if ((values[i] & exponent) == exponent)
            {
                return i;
            }
        }

        return -1;
    }

    private static long First(uint* values, long count)
    {
        const uint exponent = 0x7f80_0000;
        for (long i = 0; i < count; i++)
        {
            if ((values[i] & exponent) == exponent)
            {
                return i;
            }
        }

        return -1;
    }
}
