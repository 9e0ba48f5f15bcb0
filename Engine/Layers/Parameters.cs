using Lean.Engine.Weights;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Layers;

/// <summary>
/// Brings bound weights into the form and the memory that ops take: matrices in their own type, small vectors widened to
/// f32. On the host matrices stay where they lie in the file; a device gets copies. Owns what had to be copied.
/// </summary>
/// <param name="ops">The ops that will read the weights.</param>
/// <param name="progress">Told the bytes copied to a device so far.</param>
/// <param name="deferred">Weights that are made on the device instead, or null.</param>
internal sealed unsafe class Parameters(KernelSet ops, IProgress<long>? progress = null, IDeferredWeights? deferred = null) : IDisposable
{
    // Copies are queued; waiting now and then bounds what the driver holds, and makes progress true.
    private const long QueuedAtMost = 64 << 20;

    private readonly List<IDeviceBuffer> _copies = [];
    private readonly List<IDisposable> _kept = [];
    private readonly Dictionary<(nint Address, DType Type), Tensor> _sent = [];
    private long _bytes;
    private long _queued;

    /// <summary>A vector or small tensor in f32, under the given shape where one is given.</summary>
    public Tensor Small(Tensor tensor, Shape? shape = null)
    {
        Tensor widened = tensor.Type == DType.F32 ? Send(tensor) : Widen(tensor);
        return shape is { } other ? widened.Reshape(other) : widened;
    }

    /// <summary>A computed vector, in memory the ops can read.</summary>
    public Tensor Vector(ReadOnlySpan<float> values)
    {
        HostBuffer copy = HostBuffer.For(DType.F32, new Shape(values.Length));
        Tensor view = copy.View(DType.F32, new Shape(values.Length));
        values.CopyTo(view.AsSpan<float>());
        return Own(copy, view);
    }

    /// <summary>A matrix in a type that ops read in place: bf16 or f32. Half precision is widened once, here.</summary>
    public Tensor Matrix(Tensor tensor) => tensor.Type == DType.F16 ? Widen(tensor) : Send(tensor);

    /// <summary>Joins projections of the same input end to end.</summary>
    public LinearWeight Linear(params ReadOnlySpan<Tensor> parts)
    {
        var matrices = new Tensor[parts.Length];
        bool mixed = false;
        for (int i = 0; i < parts.Length; i++)
        {
            mixed |= Form(parts[i]) != Form(parts[0]);
        }

        if (ops.Stream is null || parts.Length == 1)
        {
            for (int i = 0; i < parts.Length; i++)
            {
                matrices[i] = mixed ? Small(parts[i]) : Matrix(parts[i]);
            }

            return new LinearWeight(matrices);
        }

        // One matrix on a device, so that the product is one launch.
        DType type = mixed ? DType.F32 : Form(parts[0]);
        long width = parts[0].Shape[1], rows = 0;
        foreach (Tensor part in parts)
        {
            rows += part.Shape[0];
        }

        Tensor whole = New(type, new Shape(rows, width));
        rows = 0;
        foreach (Tensor part in parts)
        {
            Fill(whole.Rows(rows, part.Shape[0]), part);
            rows += part.Shape[0];
        }

        return new LinearWeight(whole);
    }

    /// <summary>
    /// Matrices of one shape, as one tensor each, all in one type: bf16 or f32. A device gets them at equal distances in
    /// one buffer, where ops find the n-th without a table.
    /// </summary>
    public Tensor[] Stack(ReadOnlySpan<Tensor> matrices, bool widen)
    {
        Tensor[] result = matrices.ToArray();
        if (ops.Stream is null)
        {
            return Array.ConvertAll(result, m => widen ? Small(m) : Matrix(m));
        }

        Tensor all = New(widen ? DType.F32 : Form(result[0]), new Shape(result.Length, result[0].Shape[0], result[0].Shape[1]));
        for (int i = 0; i < result.Length; i++)
        {
            Fill(all.Slice(i), result[i]);
            result[i] = all.Slice(i);
        }

        return result;
    }

    /// <summary>Lets the memory of bound weights live as long as what is made of them.</summary>
    public void Keep(IDisposable weights) => _kept.Add(weights);

    /// <summary>Frees the copies: no tensor made here may be used any more.</summary>
    public void Dispose()
    {
        ops.Queue.Synchronize();
        _kept.ForEach(static k => k.Dispose());
        _kept.Clear();
        _copies.ForEach(static c => c.Dispose());
        _copies.Clear();
        _sent.Clear();
    }

    private Tensor Widen(Tensor tensor)
    {
        HostBuffer copy = Widened(tensor);
        return Own(copy, copy.View(DType.F32, tensor.Shape));
    }

    private static HostBuffer Widened(Tensor tensor)
    {
        HostBuffer copy = HostBuffer.For(DType.F32, tensor.Shape);
        float* target = (float*)copy.Address;
        ushort* half = (ushort*)tensor.Address;
        for (long i = 0; i < tensor.Shape.Count; i++)
        {
            target[i] = tensor.Type switch
            {
                DType.F32 => ((float*)tensor.Address)[i],
                DType.BF16 => DTypes.BF16ToF32(half[i]),
                DType.F16 => (float)BitConverter.UInt16BitsToHalf(half[i]),
                _ => throw new InvalidOperationException($"weights of {tensor.Type.Name()} cannot be widened"),
            };
        }

        return copy;
    }

    private static DType Form(Tensor tensor) => tensor.Type == DType.F16 ? DType.F32 : tensor.Type;

    // A tensor made here: kept, or sent to the device and freed.
    private Tensor Own(HostBuffer copy, Tensor view)
    {
        if (ops.Stream is null)
        {
            _copies.Add(copy);
            return view;
        }

        using (copy)
        {
            Tensor sent = Copy(view);
            ops.Queue.Synchronize();
            return sent;
        }
    }

    // A tensor of the checkpoint, which several layers may ask for (a tied head is the embedding).
    private Tensor Send(Tensor tensor)
    {
        if (ops.Stream is null)
        {
            return tensor;
        }

        if (!_sent.TryGetValue((tensor.Address, tensor.Type), out Tensor sent))
        {
            sent = Copy(tensor);
            _sent.Add((tensor.Address, tensor.Type), sent);
        }

        return sent.Reshape(tensor.Shape);
    }

    private Tensor Copy(Tensor host)
    {
        Tensor device = New(host.Type, host.Shape);
        Put(host, device);
        return device;
    }

    private Tensor New(DType type, Shape shape)
    {
        IDeviceBuffer buffer = ops.Device.Allocate(checked(shape.Count * type.Size()));
        _copies.Add(buffer);
        return buffer.View(type, shape);
    }

    private void Fill(Tensor device, Tensor host)
    {
        if (host.Type == device.Type)
        {
            Put(host, device);
            return;
        }

        using HostBuffer widened = Widened(host);
        Put(widened.View(device.Type, device.Shape), device);
        ops.Queue.Synchronize();
    }

    private void Put(Tensor host, Tensor device)
    {
        if (deferred?.TryMake(host, device) != true)
        {
            ops.Queue.CopyToDevice(host, device);
        }

        _bytes += host.Bytes;
        _queued += host.Bytes;
        if (_queued >= QueuedAtMost)
        {
            ops.Queue.Synchronize();
            progress?.Report(_bytes);
            _queued = 0;
        }
    }
}
