using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Calls of mask_logits.</summary>
public static class MaskCases
{
    /// <summary>Widths round words and parts, masks of every kind, some rows or all, logits that are no numbers.</summary>
    public static IEnumerable<OpCase> All()
    {
        foreach (int width in (int[])[1, 31, 32, 33, 100, 2048, 8191, 8193, 20001])
        {
            foreach (int masked in (int[])[0, 1, 3, 8])
            {
                yield return new OpCase($"{masked} of [8, {width}]", new Tolerance(0, 0), (set, arena) =>
                    Mask(set, arena, width, Numbers.Shuffled(masked, 8)[..masked], Numbers.Normal(71, 8L * width, 5)));
            }
        }

        yield return new OpCase("NaN in [8, 70]", new Tolerance(0, 0), (set, arena) =>
            Mask(set, arena, 70, [0, 2, 5], [.. Numbers.Normal(72, 8L * 70, 5).Select((x, i) => i % 3 == 0 ? float.NaN : x)]))
        { HoldsNaN = true };
    }

    /// <summary>The chosen rows of a fixed matrix, all of them masked.</summary>
    public static Outputs Rows(KernelSet set, Arena arena, int width, int[] rows) => Mask(
        set, arena, width, [.. Enumerable.Range(0, rows.Length)], Numbers.Pick(Numbers.Normal(73, (rows.Max() + 1L) * width, 5), width, rows), rows);

    private static Outputs Mask(KernelSet set, Arena arena, int width, int[] masked, float[] logits, int[]? numbers = null)
    {
        int words = (int)MaskLogits.Words(width);
        int[] masks = [.. masked.SelectMany(m => Enumerable.Range(0, words).Select(w => Word(numbers is null ? m : numbers[m], w)))];
        Tensor x = arena.State(logits, new Shape(logits.Length / width, width));
        set.MaskLogits.Run(x, arena.Input(masked, new Shape(masked.Length)), arena.Input(masks, new Shape(masked.Length, words)));

        return new Outputs().Add("logits", x, exact: true);
    }

    // All zeros, all ones, and bits of a hash.
    private static int Word(int row, int word) => ((row + word) % 5) switch
    {
        0 => 0,
        1 => -1,
        _ => (int)((uint)((row * 31) + word + 1) * 2654435761u) ^ (word << 7),
    };
}
