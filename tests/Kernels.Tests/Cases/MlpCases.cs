using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Calls of gated_mlp.</summary>
public static class MlpCases
{
    /// <summary>Every width and row count, with and without the shared expert's gate and the sum it is added to.</summary>
    public static IEnumerable<OpCase> All()
    {
        foreach (DType type in Weights.Types)
        {
            foreach (int width in Numbers.Widths)
            {
                yield return Of($"{type.Name()} 3 rows, H = {width}, I = 24", type, 3, width, 24);
                yield return Of($"{type.Name()} 3 rows, H = 24, I = {width}", type, 3, 24, width);
                yield return Of($"{type.Name()} 3 rows of prompts, H = {width}, I = 24", type, 3, width, 24, promptRows: 3);
                yield return Of($"{type.Name()} 3 rows of prompts, H = 24, I = {width}", type, 3, 24, width, promptRows: 3);
            }

            foreach (int rows in Numbers.Rows)
            {
                yield return Of($"{type.Name()} {rows} rows", type, rows, 33, 17);
                yield return Of($"{type.Name()} {rows} rows, dense", type, rows, 32, 40, shared: false);
                yield return Of($"{type.Name()} {rows} rows, in place", type, rows, 32, 40, inPlace: true);
                yield return Of($"{type.Name()} {rows} rows of prompts, in place", type, rows, 40, 70, inPlace: true, promptRows: rows);
                yield return Of($"{type.Name()} {rows} rows, half of prompts, dense", type, rows, 70, 33, shared: false, promptRows: rows / 2);
            }
        }

        static OpCase Of(string name, DType type, int rows, int hidden, int width, bool shared = true, bool inPlace = false, int promptRows = 0) =>
            new(name, Tolerance.Sum(hidden).Plus(Tolerance.Sum(width)), (set, arena) =>
                Rows(set, arena, type, hidden, width, [.. Enumerable.Range(0, rows)], shared, inPlace, promptRows))
            {
            };
    }

    /// <summary>The chosen rows of a fixed matrix of 130.</summary>
    public static Outputs Rows(
        KernelSet set, Arena arena, DType type, int hidden, int width, int[] rows, bool shared = true, bool inPlace = false, int promptRows = 0)
    {
        Shape shape = new(rows.Length, hidden);
        LinearWeight gateUp = Weights.Apart(arena, type, 20, hidden, width, width);
        LinearWeight down = Weights.Whole(arena, type, 22, hidden, width);
        Tensor x = arena.Input(Numbers.Pick(Numbers.Normal(23, 130 * hidden), hidden, rows), shape);
        Tensor gate = shared ? arena.Strided(Numbers.Pick(Numbers.Normal(24, 130), 1, rows), new Shape(rows.Length, 1)) : default;
        float[] sums = Numbers.Pick(Numbers.Normal(25, 130 * hidden), hidden, rows);
        Tensor add = !shared ? default : inPlace ? arena.State(sums, shape) : arena.Input(sums, shape);
        Tensor output = inPlace ? add : arena.Output(DType.F32, shape);
        set.GatedMlp.Run(x, gateUp, down, gate, add, arena.Output(DType.F32, new Shape(rows.Length, 2 * width)), output, promptRows);
        return new Outputs().Add("output", output);
    }
}
