using BenchmarkDotNet.Attributes;
using Lean.Bench.Data;
using Lean.Engine.Bench.Ops;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Bench.Kernels;

/// <summary>
/// One kernel at the shapes of Qwen3.5-35B-A3B. Before it is timed, a launch at these very rows is compared with the f64
/// reference on a sample of its rows; a red check throws, and then there is no figure.
/// </summary>
public abstract class KernelBenchmark : IDisposable
{
    private readonly List<HostBuffer> _buffers = [];
    private CpuBackend _backend = null!;
    private Measured? _measured;
    private OtherLoad? _others;
    private int _turn;

    /// <summary>The kernel's name, a parameter of the benchmark.</summary>
    public abstract string Kernel { get; set; }

    /// <summary>T, rows of a launch.</summary>
    [Params(1, 4, 16, 64, 256, Priority = 1)]
    public int Rows { get; set; }

    protected KernelSet Ops { get; private set; } = null!;

    protected KernelSet Exact { get; } = ReferenceKernels.Create();

    [GlobalSetup]
    public void Prepare()
    {
        _backend = CpuBackends.Open();
        Ops = CpuKernels.Create(_backend);
        (string shape, Work work) = Arrange();
        double error = Check();
        if (!(error <= Oracle.Tolerance))
        {
            Dispose();
            throw new InvalidOperationException($"{Kernel} at {Rows} rows is off by {error:E1} of f64, expected at most {Oracle.Tolerance:E0}: not timed");
        }

        OtherLoad.WaitForQuiet();
        _measured = new Measured(Kernel, Rows, shape, work, error, ReadBandwidth.Measure(_backend.Threads, passes: 2));
        _others = new OtherLoad();
    }

    [Benchmark]
    public void Launch() => Launch(_turn++ & int.MaxValue);

    [GlobalCleanup]
    public void Finish()
    {
        double? others = _others!.Processors;
        double[] after = ReadBandwidth.Measure(_backend.Threads, passes: 2);
        Suite.Add(_measured! with { ReadRates = [.. _measured!.ReadRates, .. after], OtherLoad = others });
        Dispose();
    }

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Makes the data of the benchmark.</summary>
    private protected abstract (string Shape, Work Work) Arrange();

    /// <summary>One launch; the turn picks the weights, states or caches.</summary>
    private protected abstract void Launch(int turn);

    /// <summary>Launches turn 0 and returns the largest relative error against f64.</summary>
    private protected abstract double Check();

    /// <summary>An f32 tensor of random values.</summary>
    private protected Tensor Random(params ReadOnlySpan<long> extents)
    {
        Tensor tensor = Take(DType.F32, Shape.Of(extents));
        RandomData.Fill(tensor, (ulong)_buffers.Count + 100);
        return tensor;
    }

    /// <summary>An f32 tensor of NaN, for outputs.</summary>
    private protected Tensor Poisoned(params ReadOnlySpan<long> extents)
    {
        Tensor tensor = Take(DType.F32, Shape.Of(extents));
        _buffers[^1].Poison();
        return tensor;
    }

    /// <summary>An i32 tensor with these values.</summary>
    private protected Tensor Integers(Shape shape, ReadOnlySpan<int> values)
    {
        Tensor tensor = Take(DType.I32, shape);
        values.CopyTo(tensor.AsSpan<int>());
        return tensor;
    }

    private protected Tensor Take(DType type, Shape shape)
    {
        // Rounded up: random values are written by the word.
        _buffers.Add(new HostBuffer(((shape.Count * type.Size()) + 63) / 64 * 64));
        return _buffers[^1].View(type, shape);
    }

    /// <summary>The rows that a check recomputes: the first and the last.</summary>
    private protected int[] SampledRows() => Rows == 1 ? [0] : [0, Rows - 1];

    /// <summary>Compares sampled rows of an output [T, N] with one row each of the reference's; all of it must be written.</summary>
    private protected double Compare(Tensor output, Action<int, Tensor> exactRow)
    {
        Tensor expected = Poisoned(1, output.Shape[1]);
        double worst = Oracle.IsWritten(output) ? 0 : double.NaN;
        foreach (int row in SampledRows())
        {
            exactRow(row, expected);
            worst = Math.Max(worst, Oracle.RelativeError(output.Rows(row, 1), expected));
        }

        return worst;
    }

    protected virtual void Dispose(bool disposing)
    {
        _backend?.Dispose();
        _buffers.ForEach(static b => b.Dispose());
        _buffers.Clear();
    }
}
