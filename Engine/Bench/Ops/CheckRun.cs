using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>
/// The check that comes before any figure: outputs full of NaN, one launch at the very rows that will be timed, sampled
/// rows against the f64 reference. The first thing that is wrong is kept, with its numbers.
/// </summary>
/// <param name="ops">The ops under test.</param>
internal sealed class CheckRun(KernelSet ops) : IDisposable
{
    private const long Staged = 64 << 20;

    private readonly List<HostBuffer> _buffers = [];

    /// <summary>The ops under test.</summary>
    public KernelSet Ops => ops;

    /// <summary>The oracle.</summary>
    public KernelSet Exact { get; } = ReferenceKernels.Create(ops.CacheType, ops.Activations);

    /// <summary>The largest relative error met.</summary>
    public double Error { get; private set; }

    /// <summary>What is wrong, or null.</summary>
    public string? Fault { get; private set; }

    /// <summary>Fills an output with NaN (integers: with −1).</summary>
    public void Poison(Tensor output) => ops.Queue.Fill(output, 0xff);

    /// <summary>Host memory of NaN.</summary>
    public Tensor New(DType type, params ReadOnlySpan<long> extents)
    {
        var buffer = HostBuffer.For(type, Shape.Of(extents));
        buffer.Poison();
        _buffers.Add(buffer);
        return buffer.View(type, Shape.Of(extents));
    }

    /// <summary>Integers in host memory.</summary>
    public Tensor New(int[] values, params ReadOnlySpan<long> extents)
    {
        Tensor tensor = New(DType.I32, extents);
        values.CopyTo(tensor.AsSpan<int>());
        return tensor;
    }

    /// <summary>A copy in host memory, of now.</summary>
    public Tensor Copy(Tensor tensor)
    {
        var buffer = HostBuffer.For(tensor.Type, tensor.Shape);
        _buffers.Add(buffer);
        Tensor copy = buffer.View(tensor.Type, tensor.Shape);
        Into(tensor, copy);
        return copy;
    }

    /// <summary>Copies memory of the device to host memory.</summary>
    public void Into(Tensor device, Tensor host)
    {
        ops.Queue.CopyToHost(device, host);
        ops.Queue.Synchronize();
    }

    /// <summary>Contents that are only read, without gaps: the memory itself where that is the host's, else a copy.</summary>
    public Tensor Host(Tensor tensor) => ops.Stream is null && tensor.IsContiguous ? tensor : Copy(tensor);

    /// <summary>f32 or bf16 of the host as f32 without gaps: the memory itself where it is.</summary>
    public unsafe Tensor Floats(Tensor host)
    {
        if (host.Type == DType.F32 && host.IsContiguous)
        {
            return host;
        }

        long columns = host.Shape.RowCount, rows = host.Shape.Count / columns;
        Tensor wide = New(DType.F32, rows, columns);
        for (long i = 0; i < host.Shape.Count; i++)
        {
            long at = (i / columns * host.RowStride) + (i % columns);
            ((float*)wide.Address)[i] = host.Type == DType.BF16 ? DTypes.BF16ToF32(((ushort*)host.Address)[at]) : ((float*)host.Address)[at];
        }

        return wide;
    }

    /// <summary>Compares f32 or bf16 with what is expected.</summary>
    /// <param name="what">What it is, for the message.</param>
    /// <param name="found">On the device.</param>
    /// <param name="expected">On the host.</param>
    /// <param name="allowed">‖found − expected‖ / ‖expected‖ at most.</param>
    public void Close(string what, Tensor found, Tensor expected, double allowed)
    {
        double error = Oracle.RelativeError(Floats(Host(found)), Floats(expected));
        Error = double.IsNaN(error) || double.IsNaN(Error) ? double.NaN : double.Max(Error, error);
        if (!(error <= allowed))
        {
            Fault ??= $"{what} is off by {error:E1} of f64, allowed is {allowed:E1}";
        }
    }

    /// <summary>Compares integers with what is expected.</summary>
    public void Same(string what, Tensor found, Tensor expected)
    {
        ReadOnlySpan<int> f = Host(found).AsSpan<int>(), e = expected.AsSpan<int>();
        for (int i = 0; i < e.Length; i++)
        {
            if (f[i] != e[i])
            {
                Fault ??= $"{what}[{i}] is {f[i]}, expected {e[i]}";
            }
        }
    }

    /// <summary>Compares f32 with what is expected, bit for bit: for ops that compute nothing, and where infinities are results.</summary>
    public void SameBits(string what, Tensor found, Tensor expected)
    {
        ReadOnlySpan<float> f = Host(found).AsSpan<float>(), e = expected.AsSpan<float>();
        for (int i = 0; i < e.Length; i++)
        {
            if (BitConverter.SingleToInt32Bits(f[i]) != BitConverter.SingleToInt32Bits(e[i]))
            {
                Fault ??= $"{what}[{i}] is {f[i]}, expected {e[i]}";
            }
        }
    }

    /// <summary>Asserts that every element of an f32 output is a number.</summary>
    public void Whole(string what, Tensor output)
    {
        // Rows with something between them come one at a time.
        long rows = output.Shape[0], together = output.IsContiguous ? long.Max(1, Staged / (output.Shape.RowCount * sizeof(float))) : 1;
        for (long first = 0; first < rows; first += together)
        {
            Tensor some = output.Rows(first, long.Min(together, rows - first));
            some = new Tensor(some.Type, some.Shape, some.Address);
            using HostBuffer? stage = ops.Stream is null ? null : HostBuffer.For(some.Type, some.Shape);
            Tensor host = stage?.View(some.Type, some.Shape) ?? some;
            if (stage is not null)
            {
                Into(some, host);
            }

            int at = Oracle.FirstUnwritten(host);
            if (at >= 0)
            {
                Fault ??= $"{what} holds {(host.Type == DType.BF16 ? DTypes.BF16ToF32(host.AsSpan<ushort>()[at]) : host.AsSpan<float>()[at])} in row {first + (at / output.Shape.RowCount)}: not written, or not a number";
                return;
            }
        }
    }

    public void Dispose()
    {
        ops.Queue.Synchronize();
        _buffers.ForEach(static b => b.Dispose());
    }
}
