namespace Lean.Comm.Tests;

/// <summary>NCCL or oneCCL between threads, and devices for it that are host memory: see StandIn/ccl_ranks.c.</summary>
internal sealed unsafe class StandInDevices : StandInLibrary
{
    private static readonly Dictionary<CclKind, StandInDevices> s_made = [];

    private readonly delegate* unmanaged<int, nuint, nint> _allocate;
    private readonly delegate* unmanaged<nint, void> _free;
    private readonly delegate* unmanaged<int, void> _enter;
    private readonly delegate* unmanaged<int, nint> _stream;
    private readonly delegate* unmanaged<nint, void> _streamEnd;
    private readonly delegate* unmanaged<nint, void> _wait;
    private readonly delegate* unmanaged<nint, nint, int, nint, int, nuint, void> _copy;
    private readonly delegate* unmanaged<nint, nint, nint, int, nuint, void> _sum;
    private readonly delegate* unmanaged<nint, nint, void> _count;
    private readonly delegate* unmanaged<nint, int, int, int, nint, nuint, nint, nint, void> _exchange;
    private readonly delegate* unmanaged<nint, void> _capture;
    private readonly delegate* unmanaged<nint, nint> _captured;
    private readonly delegate* unmanaged<nint, void> _launch;
    private readonly delegate* unmanaged<nint, void> _hold;
    private readonly delegate* unmanaged<void> _letGo;
    private readonly delegate* unmanaged<void> _wake;
    private readonly delegate* unmanaged<int> _aborts;

    private StandInDevices(CclKind kind) : base("ccl_ranks.c", kind == CclKind.OneCcl ? ["-DONECCL"] : [])
    {
        Library = CclLibrary.Open(kind, File);
        _allocate = (delegate* unmanaged<int, nuint, nint>)Export("standin_allocate");
        _free = (delegate* unmanaged<nint, void>)Export("standin_free");
        _enter = (delegate* unmanaged<int, void>)Export("standin_enter");
        _stream = (delegate* unmanaged<int, nint>)Export("standin_stream");
        _streamEnd = (delegate* unmanaged<nint, void>)Export("standin_stream_end");
        _wait = (delegate* unmanaged<nint, void>)Export("standin_wait");
        _copy = (delegate* unmanaged<nint, nint, int, nint, int, nuint, void>)Export("standin_copy");
        _sum = (delegate* unmanaged<nint, nint, nint, int, nuint, void>)Export("standin_sum");
        _count = (delegate* unmanaged<nint, nint, void>)Export("standin_count");
        _exchange = (delegate* unmanaged<nint, int, int, int, nint, nuint, nint, nint, void>)Export("standin_exchange");
        _capture = (delegate* unmanaged<nint, void>)Export("standin_capture");
        _captured = (delegate* unmanaged<nint, nint>)Export("standin_captured");
        _launch = (delegate* unmanaged<nint, void>)Export("standin_launch");
        _hold = (delegate* unmanaged<nint, void>)Export("standin_hold");
        _letGo = (delegate* unmanaged<void>)Export("standin_let_go");
        _wake = (delegate* unmanaged<void>)Export("standin_wake");
        _aborts = (delegate* unmanaged<int>)Export("standin_aborts");
        Dispose();
    }

    /// <summary>The library, opened.</summary>
    internal CclLibrary Library { get; }

    /// <summary>One of each is compiled, and kept: tests of it follow one another.</summary>
    internal static StandInDevices Of(CclKind kind)
    {
        lock (s_made)
        {
            return s_made.TryGetValue(kind, out StandInDevices? made) ? made : s_made[kind] = new StandInDevices(kind);
        }
    }

    /// <summary>One of its own, for a test that leaves ranks in it.</summary>
    internal static StandInDevices New(CclKind kind) => new(kind);

    internal nint Allocate(int device, long bytes) => _allocate(device, (nuint)bytes);

    internal void Free(nint address) => _free(address);

    internal void Enter(int device) => _enter(device);

    internal nint Stream(int device) => _stream(device);

    internal void EndStream(nint stream) => _streamEnd(stream);

    internal void Wait(nint stream) => _wait(stream);

    internal void Copy(nint stream, nint from, int fromDevice, nint to, int toDevice, long bytes) =>
        _copy(stream, from, fromDevice, to, toDevice, (nuint)bytes);

    internal void Sum(nint stream, nint parts, nint target, int places, long count) =>
        _sum(stream, parts, target, places, (nuint)count);

    internal void Count(nint stream, nint counter) => _count(stream, counter);

    internal void Exchange(nint stream, int group, int ranks, int place, nint data, long count, nint ended, nint counter) =>
        _exchange(stream, group, ranks, place, data, (nuint)count, ended, counter);

    internal void Capture(nint stream) => _capture(stream);

    internal nint Captured(nint stream) => _captured(stream);

    internal void Launch(nint graph) => _launch(graph);

    /// <summary>The stream stands still until <see cref="LetGo"/>.</summary>
    internal void Hold(nint stream) => _hold(stream);

    internal void LetGo() => _letGo();

    internal void Wake() => _wake();

    /// <summary>Communicators aborted since the last time.</summary>
    internal int Aborts() => _aborts();
}
