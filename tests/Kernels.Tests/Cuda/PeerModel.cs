using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Ranks that exchange numbers on models of cards.</summary>
internal sealed class PeerModel : IDisposable
{
    private readonly HostBuffer[] _memory;
    private readonly HostBuffer _host;
    private readonly PeerRank[] _ranks;
    private readonly PtxPeers _peers;
    private readonly PtxStream[] _streams;
    private readonly StreamCount[] _counts;
    private readonly Tensor _abort;
    private readonly int _channels;

    /// <param name="ranks">How many.</param>
    /// <param name="channels">Channels of an inbox.</param>
    /// <param name="seed">Decides order and delays.</param>
    /// <param name="change">What is planted in the kernels' text, or null.</param>
    public PeerModel(int ranks, int channels, int seed, Func<string, string>? change = null)
    {
        _channels = channels;
        long inbox = PeerRank.InboxBytes(channels, ranks), counts = channels * sizeof(long);
        _memory = [.. Enumerable.Range(0, ranks).Select(_ => Zeros(inbox + counts + (ranks * sizeof(long))))];
        _host = Zeros((1 + (2 * ranks)) * sizeof(int));
        Tensor words = _host.View(DType.I32, new Shape(1 + (2 * ranks)));
        _abort = words.Rows(0, 1);
        _peers = new PtxPeers(ranks, seed, [.. _memory.Select(m => new PtxPeers.Range(m.Address, inbox))]);
        (_ranks, _streams, _counts) = (new PeerRank[ranks], new PtxStream[ranks], new StreamCount[ranks]);
        for (int r = 0; r < ranks; r++)
        {
            Span<long> table = _memory[r].View(DType.I64, new Shape(ranks), inbox + counts).AsSpan<long>();
            for (int other = 0; other < ranks; other++)
            {
                table[other] = _memory[other].Address;
            }

            _streams[r] = new PtxStream(MatrixUnits.Warp) { Peer = _peers[r], Change = change };
            _ranks[r] = new PeerRank(r, _memory[r].View(DType.I32, new Shape(ranks, 2), inbox + counts), _memory[r].View(DType.I32, new Shape(channels), inbox), _abort);
            _counts[r] = new StreamCount(words.Rows(1 + (2 * r), 1), words.Rows(2 + (2 * r), 1));
        }
    }

    public int Ranks => _ranks.Length;

    public PeerRank this[int rank] => _ranks[rank];

    /// <summary>A rank's stream: what is queued on it runs in <see cref="Run"/>.</summary>
    public PtxStream Stream(int rank) => _streams[rank];

    /// <summary>What a rank's stream counts by.</summary>
    public StreamCount Count(int rank) => _counts[rank];

    /// <inheritdoc cref="PtxPeers.Run"/>
    public bool Run() => _peers.Run();

    /// <summary>As after so many exchanges of every channel, modulo 2³².</summary>
    public void Continue(int after)
    {
        long bytes = PeerRank.InboxBytes(_channels, Ranks);
        foreach (HostBuffer memory in _memory)
        {
            memory.View(DType.I32, new Shape(_channels), bytes).AsSpan<int>().Fill(after);
            for (int epoch = after - 1; epoch <= after; epoch++)
            {
                memory.View(DType.I64, new Shape(bytes / 2 / sizeof(long)), (epoch & 1) * bytes / 2).AsSpan<long>().Fill((long)epoch << 32);
            }
        }
    }

    /// <summary>Sets the abort word.</summary>
    public void Abort() => _abort.AsSpan<int>()[0] = 1;

    public void Dispose()
    {
        _host.Dispose();
        Array.ForEach(_memory, static m => m.Dispose());
        Array.ForEach(_streams, static s => s.Dispose());
    }

    private static HostBuffer Zeros(long bytes)
    {
        var buffer = new HostBuffer(bytes);
        buffer.View(DType.I8, new Shape(bytes)).AsSpan<byte>().Clear();
        return buffer;
    }
}
