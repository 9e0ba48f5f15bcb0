using Lean.Comm;
using Lean.Engine.Running;

namespace Lean.Engine.Ranks;

/// <summary>A rank's device, and the collectives that work there: a library's own, or through the host's memory.</summary>
internal sealed class RankPlace : IDisposable
{
    private readonly StagedCollectives? _staged;
    private readonly bool _isOwn;

    private RankPlace(ComputeDevice device, ICollectives own, bool isOwn)
    {
        (Device, _isOwn) = (device, isOwn);
        _staged = device.Ops.Stream is { } stream && !own.IsQueued ? new StagedCollectives(own, new StreamMemory(stream)) : null;
        Collectives = _staged ?? own;
    }

    /// <summary>The device.</summary>
    public ComputeDevice Device { get; }

    /// <summary>The collectives.</summary>
    public ICollectives Collectives { get; }

    /// <summary>What the rank's part of a model frees with itself: memory of the host for <see cref="Collectives"/>.</summary>
    public IDisposable? Staged => _staged;

    /// <summary>Opens the rank's device, unless what connects the ranks has.</summary>
    /// <param name="collectives">The rank's communicator, which stays the caller's.</param>
    /// <param name="options">The ranks.</param>
    /// <param name="opened">The rank's device, where it is open.</param>
    /// <exception cref="Tensors.InputException">There is no such device.</exception>
    /// <exception cref="Tensors.MachineException">Its driver failed.</exception>
    public static RankPlace Open(ICollectives collectives, RankOptions options, ComputeDevice? opened) =>
        new(opened ?? RankDevices.Open(options, options.Environment?.LocalRank ?? collectives.Rank), collectives, isOwn: opened is null);

    /// <summary>Closes the device, where it was opened here: one that connects the ranks goes after that.</summary>
    public void Dispose()
    {
        _staged?.Dispose();
        if (_isOwn)
        {
            Device.Dispose();
        }
    }
}
