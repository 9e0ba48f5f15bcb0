using Lean.Comm;
using Lean.Kernels;

namespace Lean.Engine.Ranks;

/// <summary>
/// The exchanges of few rows between the CUDA devices of this process, one for each group of ranks that sums. Where devices do
/// not reach each other's memory there are none, and NCCL sums everything.
/// </summary>
/// <param name="layout">The layout.</param>
internal sealed class CudaPeers(ParallelLayout layout) : IDisposable
{
    /// <summary>The environment variable that, set to off, leaves all sums to NCCL.</summary>
    public const string Variable = "LEAN_PEER_EXCHANGE";

    private readonly Lock _lock = new();
    private readonly CudaDevice?[] _devices = new CudaDevice?[layout.Ranks];
    private readonly Dictionary<string, PeerExchange?> _exchanges = [];
    private readonly bool _isOff = Environment.GetEnvironmentVariable(Variable) == "off";
    private bool _aborted;

    /// <summary>Takes note of a rank's device; all of them come before the first exchange is asked for.</summary>
    public void Add(int rank, CudaDevice device)
    {
        lock (_lock)
        {
            _devices[rank] = device;
        }
    }

    /// <summary>A rank's end of its group's exchange, or null where there is none.</summary>
    /// <param name="kind">Which group.</param>
    /// <param name="rank">The rank, of the world.</param>
    public PeerRank? Find(GroupKind kind, int rank)
    {
        RankGroup group = layout.Group(kind, rank);
        string members = string.Join(',', group.Members);
        lock (_lock)
        {
            if (!_exchanges.TryGetValue(members, out PeerExchange? exchange))
            {
                CudaDevice[] devices = [.. group.Members.Select(m => _devices[m] ?? throw new InvalidOperationException($"rank {m} has no device yet"))];
                exchange = _isOff || PeerExchange.WhyUnavailable(devices) is not null ? null : new PeerExchange(devices);
                _exchanges.Add(members, exchange);
                if (_aborted)
                {
                    exchange?.Abort();
                }
            }

            return exchange?[group.Place];
        }
    }

    /// <summary>Ends what waits on devices for other ranks, now and later. From any thread.</summary>
    public void Abort()
    {
        lock (_lock)
        {
            _aborted = true;
            foreach (PeerExchange? exchange in _exchanges.Values)
            {
                exchange?.Abort();
            }
        }
    }

    /// <summary>Frees the exchanges' memory; nothing may be queued any more.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            foreach (PeerExchange? exchange in _exchanges.Values)
            {
                exchange?.Dispose();
            }

            _exchanges.Clear();
        }
    }
}
