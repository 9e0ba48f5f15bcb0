using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>Index tensors that take turns: launches that chose alike would find what they read in the caches.</summary>
internal sealed class Turns
{
    private const int Most = 64;
    private const int MostValues = 1 << 20;

    private readonly int[] _values;
    private readonly int _number, _rows;

    private Turns(int[] values, int number, int rows) => (_values, _number, _rows) = (values, number, rows);

    /// <summary>How many turns there are for so many values each.</summary>
    public static int Count(long values) => (int)long.Clamp(MostValues / values, 1, Most);

    /// <summary>Random indices below a bound, for each row.</summary>
    public static Turns Random(OpBench bench, int bound, int rows)
    {
        var random = new Random(rows);
        int[] values = [.. Enumerable.Range(0, Count(rows) * rows).Select(_ => random.Next(bound))];
        bench.Own.Add(new OwnTensor(DType.I32, new Shape(values.Length), Integers: values));
        return new Turns(values, bench.Own.Count - 1, rows);
    }

    /// <summary>A turn's indices: i32 [T].</summary>
    public Tensor At(BenchData data, int turn) => data.Own(_number).Rows(turn % (_values.Length / _rows) * (long)_rows, _rows);

    /// <summary>A row's index in turn 0.</summary>
    public int Value(int row) => _values[row];
}
