using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Calls of part_sum.</summary>
public static class PartSumCases
{
    /// <summary>Sums by number of parts and width, over parts that lie apart, in place of each part, and over numbers that are none.</summary>
    public static IEnumerable<OpCase> All()
    {
        foreach (int parts in (int[])[1, 2, 3, 5, 8])
        {
            // Items and groups are 1,024 numbers.
            foreach (int width in (int[])[.. Numbers.Widths, 1023, 1024, 1025, 5000])
            {
                yield return Of(parts, width, gap: 0);
            }

            yield return Of(parts, 1029, gap: 3);
            for (int over = 0; over < parts; over++)
            {
                yield return InPlace(parts, 1029, over);
            }
        }

        yield return new OpCase("numbers too small to be normal", default, static (set, arena) =>
        {
            float[] values = [.. Numbers.Normal(5, 3 * 40).Select(static v => v * 1e-40f)];
            Tensor output = arena.Output(DType.F32, new Shape(40));
            set.PartSum.Run(arena.Input(values, new Shape(3, 40)), output);
            return new Outputs().Add("output", output, exact: true);
        });

        yield return new OpCase("numbers that are none", default, static (set, arena) =>
        {
            float[] values = Numbers.Normal(3, 3 * 40);
            (values[5], values[46], values[87], values[8], values[48]) = (float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.MaxValue, float.MaxValue);
            Tensor output = arena.Output(DType.F32, new Shape(4, 10));
            set.PartSum.Run(arena.Input(values, new Shape(3, 40)), output);
            return new Outputs().Add("output", output);
        })
        { HoldsNaN = true };

        static OpCase Of(int parts, int width, int gap) => new($"{parts} of {width}, {gap} apart", default, (set, arena) =>
        {
            Tensor output = arena.Output(DType.F32, new Shape(width));
            set.PartSum.Run(arena.Strided(Values(parts, width), new Shape(parts, width), gap), output);
            return new Outputs().Add("output", output, exact: true);
        });

        static OpCase InPlace(int parts, int width, int over) => new($"{parts} of {width} over part {over}", default, (set, arena) =>
        {
            Tensor all = arena.State(Values(parts, width), new Shape(parts, width));
            set.PartSum.Run(all, all.Slice(over));
            return new Outputs().Add("parts", all, exact: true);
        });

        // Of so different sizes that every other order or precision shows.
        static float[] Values(int parts, int width)
        {
            float[] values = Numbers.Normal(7, (long)parts * width);
            for (int i = 0; i < values.Length; i++)
            {
                values[i] *= MathF.Pow(10, i * 7 % 11);
            }

            return values;
        }
    }
}
