using Lean.Comm;
using Lean.Engine.Running;

namespace Lean.Engine.Ranks;

/// <summary>The ranks of this process, a thread each, and what connects them. Devices that a library connects are opened on their ranks' threads.</summary>
internal sealed class RankThreads : IDisposable
{
    private readonly RankOptions _options;
    private readonly CudaPeers _peers;
    private readonly ComputeDevice?[] _devices;

    /// <param name="options">The ranks.</param>
    /// <exception cref="Tensors.MachineException">The library is missing.</exception>
    public RankThreads(RankOptions options)
    {
        // Drivers are looked up once, before threads do it side by side.
        _ = RankDevices.Sharing(options);
        (_options, _peers, _devices) = (options, new CudaPeers(options.Layout), new ComputeDevice?[options.Layout.Ranks]);
        World = options.Library is { } library
            ? new CclWorld(options.Layout, CclLibrary.Open(library), Open, pause: options.Pause)
            : new LoopbackWorld(options.Layout, options.Pause);
    }

    /// <summary>What connects them.</summary>
    public RankWorld World { get; }

    /// <summary>The devices that were opened, by rank; they are whoever's uses them, and are closed after this.</summary>
    public ReadOnlySpan<ComputeDevice?> Devices => _devices;

    /// <summary>Lets go of what connects the ranks, once their threads have ended. Where one is stuck, devices must stay too.</summary>
    public void Dispose()
    {
        World.Dispose();
        if (!World.IsStuck)
        {
            _peers.Dispose();
        }
    }

    private IRankDevice? Open(int rank)
    {
        ComputeDevice device = RankDevices.Open(_options, rank);
        _devices[rank] = device;
        return RankDevices.Connect(_options, device, rank, _peers);
    }
}
