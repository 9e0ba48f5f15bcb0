using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Calls of add_rms_norm and gated_rms_norm.</summary>
public static class NormCases
{
    private const float Epsilon = 1e-6f;

    private static readonly int[] HeadDims = [1, 3, 8, 16, 24, 32, 40, 64, 128, 256];

    /// <summary>add_rms_norm by width and row count, with and without a delta, into strided rows and in place.</summary>
    public static IEnumerable<OpCase> Add()
    {
        foreach (int width in (int[])[.. Numbers.Widths, 1000, 5120])
        {
            yield return Of($"[3, {width}]", width, [0, 1, 2]);
            yield return Of($"[3, {width}] without delta", width, [0, 1, 2], delta: false);
            yield return Of($"[3, {width}] into strided rows", width, [0, 1, 2], gap: 3);
        }

        for (int rows = 1; rows <= 130; rows++)
        {
            yield return Of($"[{rows}, 33]", 33, [.. Enumerable.Range(0, rows)]);
        }

        yield return new OpCase("[5, 100] in place", Tolerance.Norm(100), (set, arena) =>
        {
            Tensor residual = arena.State(Numbers.Normal(1, 500), new Shape(5, 100));
            set.AddRmsNorm.Run(residual, default, arena.Input(Numbers.Normal(2, 100), new Shape(100)), Epsilon, residual);
            return new Outputs().Add("output", residual);
        });
        foreach (int width in Numbers.Widths)
        {
            yield return new OpCase($"faults in [7, {width}]", Tolerance.Norm(width), (set, arena) => Faults(set, arena, width)) { HoldsNaN = true };
        }

        yield return Of("[4, 129] of tiny values", 129, [0, 1, 2, 3], scale: 1e-5);
        yield return Of("[4, 129] of zeros", 129, [0, 1, 2, 3], scale: 0);

        static OpCase Of(string name, int width, int[] rows, bool delta = true, int gap = 0, double scale = 1) =>
            new(name, Tolerance.Norm(width), (set, arena) => AddRows(set, arena, width, rows, delta, gap, scale));
    }

    /// <summary>add_rms_norm of the chosen rows of a fixed matrix of 130.</summary>
    public static Outputs AddRows(KernelSet set, Arena arena, int width, int[] rows, bool delta = true, int gap = 0, double scale = 1)
    {
        Shape shape = new(rows.Length, width);
        Tensor residual = arena.State(Numbers.Pick(Numbers.Normal(3, 130 * width, scale), width, rows), shape);
        Tensor addend = delta ? arena.Input(Numbers.Pick(Numbers.Normal(4, 130 * width, scale), width, rows), shape) : default;
        Tensor output = arena.Output(DType.F32, shape, gap);
        set.AddRmsNorm.Run(residual, addend, arena.Input(Numbers.Normal(5, width, 0.3), new Shape(width)), Epsilon, output);
        return new Outputs().Add("output", output).Add("residual", residual, exact: true);
    }

    /// <summary>
    /// Three norms of one stream. Rows 1 to 5 stop being finite: NaN from the start, an infinity at the second norm, a sum
    /// beyond f32 at the third, infinities that cancel, and NaN twice. Row 3 is large before that: its squares leave f32.
    /// </summary>
    private static Outputs Faults(KernelSet set, Arena arena, int width)
    {
        const float large = 3e38f;
        Shape shape = new(7, width);
        float[] stream = Numbers.Normal(3, 7 * width), first = Numbers.Normal(4, 7 * width), second = Numbers.Normal(5, 7 * width);
        int last = width - 1, middle = width / 2;
        stream[width + last] = float.NaN;
        first[(2 * width) + middle] = float.PositiveInfinity;
        (stream[3 * width], first[3 * width], second[3 * width]) = (large, 0, large);
        (stream[(4 * width) + last], first[(4 * width) + last]) = (float.NegativeInfinity, float.PositiveInfinity);
        (first[(5 * width) + middle], second[(5 * width) + last]) = (float.NaN, float.NaN);
        Tensor residual = arena.State(stream, shape), faults = arena.Output(DType.I32, new Shape(7)), output = arena.Output(DType.F32, shape);
        Tensor weight = arena.Input(Numbers.Normal(6, width, 0.3), new Shape(width));
        set.AddRmsNorm.Run(residual, default, weight, Epsilon, output, faults, 1);
        set.AddRmsNorm.Run(residual, arena.Input(first, shape), weight, Epsilon, output, faults, 2);
        set.AddRmsNorm.Run(residual, arena.Input(second, shape), weight, Epsilon, output, faults, 7);
        return new Outputs().Add("faults", faults).Add("output", output).Add("residual", residual, exact: true);
    }

    /// <summary>gated_rms_norm by head count, head width and row count, with strided and with extreme gates.</summary>
    public static IEnumerable<OpCase> Gated()
    {
        foreach (int dim in HeadDims)
        {
            foreach (int heads in (int[])[1, 3, 5])
            {
                yield return Of($"{heads} heads of {dim}", heads, dim, [0, 1, 2]);
            }
        }

        for (int rows = 1; rows <= 130; rows++)
        {
            yield return Of($"{rows} rows", 3, 24, [.. Enumerable.Range(0, rows)]);
        }

        yield return Of("extreme gates", 3, 40, [0, 1, 2], gates: 60);
        yield return new OpCase("in place", Gates(40), (set, arena) =>
        {
            Tensor x = arena.State(Numbers.Normal(1, 600), new Shape(5, 120));
            Tensor z = arena.Input(Numbers.Normal(2, 600), new Shape(5, 120));
            set.GatedRmsNorm.Run(x, z, arena.Input(Numbers.Normal(3, 40), new Shape(40)), Epsilon, x);
            return new Outputs().Add("output", x);
        });

        static OpCase Of(string name, int heads, int dim, int[] rows, double gates = 1) =>
            new(name, Gates(dim), (set, arena) => GatedRows(set, arena, heads, dim, rows, gates));

        // exp adds two units in the last place, the sigmoid's division one.
        static Tolerance Gates(int dim) => Tolerance.Norm(dim).Plus(new Tolerance(0, 1e-6));
    }

    /// <summary>gated_rms_norm of the chosen rows of a fixed matrix of 130.</summary>
    public static Outputs GatedRows(KernelSet set, Arena arena, int heads, int dim, int[] rows, double gates = 1)
    {
        int width = heads * dim;
        Shape shape = new(rows.Length, width);
        Tensor x = arena.Input(Numbers.Pick(Numbers.Normal(6, 130 * width), width, rows), shape);
        Tensor z = arena.Strided(Numbers.Pick(Numbers.Normal(7, 130 * width, gates), width, rows), shape);
        Tensor output = arena.Output(DType.F32, shape);
        set.GatedRmsNorm.Run(x, z, arena.Input(Numbers.Normal(8, dim, 0.3, mean: 1), new Shape(dim)), Epsilon, output);
        return new Outputs().Add("output", output);
    }
}
