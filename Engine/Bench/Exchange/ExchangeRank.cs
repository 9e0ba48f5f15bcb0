using Lean.Comm;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench.Exchange;

/// <summary>One rank: its device, its part of the data, and each way to exchange it. All calls come from one thread at a time.</summary>
internal sealed class ExchangeRank : IDisposable
{
    /// <summary>Exchanges of a graph, each of rows of its own: they are summed in place.</summary>
    public const int Exchanges = 50;

    private const float Epsilon = 1e-6f;

    // Each of seven additions of terms up to 5,000 rounds by at most 0.0024, in either order.
    private const float Near = 0.04f;
    private static readonly float[] s_sizes = [1, 10, 100, 1000, 10_000];

    private readonly CudaDevice _device;
    private readonly CudaStream _stream;
    private readonly KernelSet _ops;
    private readonly PeerRank _peer;
    private readonly StreamCount _count;
    private readonly IDeviceBuffer _memory;
    private readonly Tensor _rows, _parts, _residual, _output, _expected, _weight;
    private CclGroup? _group;

    /// <param name="device">The device.</param>
    /// <param name="peer">The rank's end of the exchange.</param>
    /// <param name="rows">The most rows.</param>
    /// <param name="width">Numbers of a row.</param>
    public ExchangeRank(CudaDevice device, PeerRank peer, int rows, int width)
    {
        (_device, _peer) = (device, peer);
        _stream = (CudaStream)device.CreateStream(profile: false);
        _ops = DeviceKernelSet.Create(_stream);
        _count = new StreamCount(device);
        Shape shape = new(rows, width);
        long bytes = shape.Count * sizeof(float);
        _memory = device.Allocate((bytes * ((2 * Exchanges) + 3)) + (width * sizeof(float)));
        _rows = _memory.View(DType.F32, new Shape(Exchanges * rows, width));
        _parts = _memory.View(DType.F32, new Shape(Exchanges * rows, width), bytes * Exchanges);
        _residual = _memory.View(DType.F32, shape, bytes * 2 * Exchanges);
        _output = _memory.View(DType.F32, shape, bytes * ((2 * Exchanges) + 1));
        _expected = _memory.View(DType.F32, shape, bytes * ((2 * Exchanges) + 2));
        _weight = _memory.View(DType.F32, new Shape(width), bytes * ((2 * Exchanges) + 3));
        Send(Values(peer.Rank, _parts.Shape.Count), _parts);
        Send(Values(-1, width), _weight);
        _stream.Synchronize();
    }

    /// <summary>How many exchanges the device has counted.</summary>
    public int Counted => _count.Value;

    /// <summary>Joins NCCL's group; waits until all ranks have.</summary>
    public void Join(CclLibrary library, byte[] id)
    {
        _device.Enter();
        _group = library.Join(id, _peer.Ranks, _peer.Rank, _device.Info.Index, _stream.Handle);
    }

    /// <summary>Whether a way takes so many rows.</summary>
    public bool Takes(ExchangeWay way, int rows) => way switch
    {
        ExchangeWay.Nccl or ExchangeWay.NcclThenNorm => _group is not null,
        ExchangeWay.PeerNorm => _peer.TakesNorm(rows, _weight.Shape[0]),
        _ => rows * _weight.Shape[0] <= _peer.MostNumbers,
    };

    /// <summary>Numbers that rows take in an exchange with a norm: each begins a channel of its own.</summary>
    public static long Numbers(int rows, long width) => rows * ((width + PeerRank.ChannelNumbers - 1) / PeerRank.ChannelNumbers * PeerRank.ChannelNumbers);

    /// <summary>The ranks' parts of the first exchange, as every rank has made them.</summary>
    public static float[] Parts(int ranks, int rows, int width) => [.. Enumerable.Range(0, ranks).SelectMany(r => Values(r, (long)rows * width))];

    /// <summary>Captures many exchanges, after one alone: kernels must have been loaded.</summary>
    public KernelGraph Capture(ExchangeWay way, int rows)
    {
        Reset(rows);
        Queue(way, rows, 0);
        _stream.Synchronize();
        return _stream.Capture(() =>
        {
            for (int i = 0; i < Exchanges; i++)
            {
                Queue(way, rows, i);
            }
        });
    }

    /// <summary>Begins again with this rank's parts.</summary>
    public void Reset(int rows)
    {
        long count = (long)rows * Exchanges;
        _stream.CopyOnDevice(_parts.Rows(0, count), _rows.Rows(0, count));
        _stream.Fill(_residual, 0);
        _stream.Synchronize();
    }

    /// <summary>Waits for what is queued.</summary>
    public void Synchronize() => _stream.Synchronize();

    /// <summary>Runs one exchange of a way and compares what it gives with what it should give.</summary>
    /// <param name="way">The way.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="sum">The sum of the ranks' parts in their order.</param>
    /// <param name="exact">Whether all bits must agree; otherwise only as far as another order of so few terms can move them.</param>
    /// <returns>What is wrong, or null.</returns>
    public string? Check(ExchangeWay way, int rows, float[] sum, bool exact)
    {
        Tensor data = Rows(_rows, rows, 0), residual = _residual.Rows(0, rows), output = _output.Rows(0, rows), expected = _expected.Rows(0, rows);
        Reset(rows);
        _stream.Fill(_output, 0xff);
        Queue(way, rows, 0);
        string where = $"{way} of {rows} rows on rank {_peer.Rank}";
        if (way is ExchangeWay.Peer or ExchangeWay.Nccl)
        {
            return Difference(where, sum, Take(data), exact);
        }

        // The card's own add and norm of the sum that is right.
        float[] residualOf = Take(residual), outputOf = Take(output);
        Send(sum, expected);
        _stream.Fill(_residual, 0);
        _ops.AddRmsNorm.Run(residual, expected, _weight, Epsilon, output);
        return Difference($"the residual of {where}", Take(residual), residualOf, exact) ?? Difference($"the output of {where}", Take(output), outputOf, exact);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _group?.Dispose();
        _memory.Dispose();
        _count.Dispose();
        _stream.Dispose();
    }

    private void Queue(ExchangeWay way, int rows, int exchange)
    {
        Tensor data = Rows(_rows, rows, exchange), residual = _residual.Rows(0, rows), output = _output.Rows(0, rows);
        bool taken = true;
        switch (way)
        {
            case ExchangeWay.PeerNorm:
                taken = _peer.TrySumNorm(_stream, residual, data, _weight, Epsilon, output, count: _count);
                break;
            case ExchangeWay.Peer or ExchangeWay.PeerThenNorm:
                taken = _peer.TrySum(_stream, data, _count);
                break;
            default:
                _device.Enter();
                _group!.AllReduce(data, data);
                break;
        }

        if (!taken)
        {
            throw new MachineException($"{_device.Name} did not take an exchange of {rows} rows");
        }

        if (way is ExchangeWay.PeerThenNorm or ExchangeWay.NcclThenNorm)
        {
            _ops.AddRmsNorm.Run(residual, data, _weight, Epsilon, output);
        }
    }

    private static Tensor Rows(Tensor all, int rows, int exchange) => all.Rows((long)exchange * rows, rows);

    private static string? Difference(string what, ReadOnlySpan<float> expected, ReadOnlySpan<float> found, bool exact)
    {
        for (int i = 0; i < expected.Length; i++)
        {
            if (exact ? BitConverter.SingleToInt32Bits(expected[i]) != BitConverter.SingleToInt32Bits(found[i]) : !(float.Abs(expected[i] - found[i]) <= Near))
            {
                return $"{what}: number {i} is {found[i]:R}, expected {expected[i]:R}";
            }
        }

        return null;
    }

    // Of sizes so different that each addition rounds.
    private static float[] Values(int rank, long count)
    {
        var random = new Random(rank + 1000);
        var values = new float[count];
        foreach (ref float value in values.AsSpan())
        {
            value = (random.NextSingle() - 0.5f) * s_sizes[random.Next(s_sizes.Length)];
        }

        return values;
    }

    private void Send(float[] values, Tensor target)
    {
        using var staged = new HostBuffer((long)values.Length * sizeof(float));
        Tensor host = staged.View(DType.F32, target.Shape);
        values.AsSpan(0, (int)target.Shape.Count).CopyTo(host.AsSpan<float>());
        _stream.CopyToDevice(host, target);
        _stream.Synchronize();
    }

    private float[] Take(Tensor source)
    {
        using var staged = new HostBuffer(source.Bytes);
        Tensor host = staged.View(DType.F32, source.Shape);
        _stream.CopyToHost(source, host);
        _stream.Synchronize();
        return host.AsSpan<float>().ToArray();
    }
}
