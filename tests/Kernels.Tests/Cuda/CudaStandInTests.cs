using System.Runtime.InteropServices;
using System.Text;

namespace Lean.Kernels.Tests;

/// <summary>The stand-in itself: misuse that it must notice, on a copy of its own that no other test uses.</summary>
public sealed unsafe class CudaStandInTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lean-standin-").FullName;
    private readonly StandInLibrary _library;
    private readonly nint _stream;
    private int _seen;

    public CudaStandInTests()
    {
        Assert.SkipWhen(NativeLibraryBuild.WhyUnavailable is not null, NativeLibraryBuild.WhyUnavailable ?? "");
        string name = $"libstandin-{Path.GetFileName(_folder)}.so";
        CudaStandInBuild.Compile(Path.Combine(_folder, name), name);
        _library = new StandInLibrary(NativeLibrary.Load(Path.Combine(_folder, name)));
        nint context;
        Call("cuInit", 0);
        Call("cuDevicePrimaryCtxRetain", (nint)(&context), 7);
        Call("cuMemAlloc_v2", (nint)(&context), 64);
        Assert.Contains("no context is current", New(), StringComparison.Ordinal);
        Call("cuDevicePrimaryCtxRetain", (nint)(&context), 7);
        Call("cuCtxSetCurrent", context);
        fixed (nint* stream = &_stream)
        {
            Call("cuStreamCreate", (nint)stream, 1);
        }

        Assert.Equal("", New());
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Memory_that_is_outside_or_freed_too_early_is_noticed()
    {
        nint memory = Allocate(64);
        long host = 0;
        Call("cuMemsetD8Async", memory + 32, 0, 40, _stream);
        Assert.Contains("40 bytes at byte 32 of an allocation of 64", New(), StringComparison.Ordinal);
        Call("cuMemcpyDtoHAsync_v2", (nint)(&host), (nint)(&host), 8, _stream);
        Assert.Contains("lies in no allocation", New(), StringComparison.Ordinal);
        Call("cuMemFreeHost", memory);
        Assert.Contains("is no allocation of that kind", New(), StringComparison.Ordinal);
        Call("cuMemsetD8Async", memory, 0, 64, _stream);
        Call("cuMemFree_v2", memory);
        Assert.Contains("queued work has yet to use the memory", New(), StringComparison.Ordinal);
        Call("cuMemFree_v2", memory);
        Assert.Contains("is no allocation of that kind", New(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_launch_that_is_not_complete_is_noticed()
    {
        nint function = Function("embedding_f32", "sm_90"), memory = Allocate(256);
        var view = new View { Address = memory, Count = 64 };
        int number = 1;
        nint* parameters = stackalloc nint[] { (nint)(&view), (nint)(&view), (nint)(&view), (nint)(&number), (nint)(&number), (nint)(&number), (nint)(&number) };
        Launch(function, 64, 0, (nint)parameters);
        Assert.Contains("embedding_f32 runs in groups of 256 and was given 64", New(), StringComparison.Ordinal);
        Launch(function, 256, 60_000, (nint)parameters);
        Assert.Contains("embedding_f32: 60000 bytes of shared memory, at most", New(), StringComparison.Ordinal);
        parameters[1] = 0;
        Launch(function, 256, 0, (nint)parameters);
        Assert.Contains("embedding_f32: parameter 1 of 7", New(), StringComparison.Ordinal);
        parameters[1] = (nint)(&view);
        Launch(function, 256, 0, (nint)parameters);
        Assert.Equal("", New());
        view.Count = 129;
        Launch(function, 256, 0, (nint)parameters);
        Assert.Contains("embedding_f32: 258 bytes at byte 0 of an allocation of 256", New(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_map_that_nobody_made_is_noticed()
    {
        nint function = Function("linear_warpgroup_wide_single", "sm_90a");
        byte* map = stackalloc byte[128];
        int number = 1;
        new Span<byte>(map, 128).Clear();
        nint* parameters = stackalloc nint[] { (nint)map, (nint)map, (nint)map, (nint)(&number), (nint)(&number), (nint)(&number), (nint)(&number), (nint)(&number) };
        Launch(function, 384, 0, (nint)parameters);
        Assert.Contains("linear_warpgroup_wide_single: a map that nobody made", New(), StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_capture_cannot_hold_is_noticed()
    {
        nint memory = Allocate(64), graph, executable;
        long host = 0;
        Call("cuStreamBeginCapture_v2", _stream, 1);
        Call("cuMemcpyHtoDAsync_v2", memory, (nint)(&host), 8, _stream);
        Assert.Contains("pageable memory in a captured step", New(), StringComparison.Ordinal);
        Call("cuStreamSynchronize", _stream);
        Assert.Contains("cuStreamSynchronize: in the middle of a capture", New(), StringComparison.Ordinal);
        Allocate(64);
        Assert.Contains("cuMemAlloc_v2: in the middle of a capture", New(), StringComparison.Ordinal);
        Call("cuMemsetD8Async", memory, 0, 64, _stream);
        Call("cuStreamEndCapture", _stream, (nint)(&graph));
        Call("cuGraphInstantiateWithFlags", (nint)(&executable), graph, 0);
        Assert.Equal("", New());
        Call("cuGraphDestroy", graph);
        Call("cuGraphLaunch", graph, _stream);
        Assert.Contains("is no executable graph", New(), StringComparison.Ordinal);
        Call("cuGraphLaunch", executable, _stream);
        Call("cuStreamSynchronize", _stream);
        Assert.Equal("", New());
    }

    [Fact]
    public void A_branch_of_a_capture_that_is_not_joined_or_too_early_is_noticed()
    {
        nint memory = Allocate(64), branch, left, ended, graph;
        Call("cuStreamCreate", (nint)(&branch), 1);
        Call("cuEventCreate", (nint)(&left), 2);
        Call("cuEventCreate", (nint)(&ended), 2);
        Call("cuStreamBeginCapture_v2", _stream, 1);
        Call("cuMemsetD8Async", memory, 0, 64, branch);
        Assert.Contains("another stream than the one that captures", New(), StringComparison.Ordinal);
        Call("cuEventRecord", left, _stream);
        Call("cuStreamWaitEvent", branch, left, 0);
        Call("cuMemsetD8Async", memory, 0, 64, branch);
        Call("cuEventRecord", ended, branch);
        Call("cuMemsetD8Async", memory, 0, 64, branch);
        Call("cuStreamWaitEvent", _stream, ended, 0);
        Assert.Contains("a branch is joined before its last work", New(), StringComparison.Ordinal);
        Assert.Equal(904, Call("cuStreamEndCapture", _stream, (nint)(&graph)));
        Assert.Contains("a branch was not joined", New(), StringComparison.Ordinal);
        Call("cuStreamWaitEvent", _stream, ended, 0);
        Assert.Contains("a capture and work outside of it wait for each other", New(), StringComparison.Ordinal);
        Call("cuStreamSynchronize", branch);
    }

    [Fact]
    public void Events_and_handles_that_are_misused_are_noticed()
    {
        nint made;
        Call("cuStreamSynchronize", 5);
        Assert.Contains("is no stream", New(), StringComparison.Ordinal);
        Call("cuEventCreate", (nint)(&made), 2);
        Call("cuEventRecord", made, _stream);
        Call("cuEventRecord", made, _stream);
        Assert.Contains("cuEventRecord: the event is in use", New(), StringComparison.Ordinal);
        Call("cuEventDestroy_v2", made);
        Assert.Contains("cuEventDestroy: the event is in use", New(), StringComparison.Ordinal);
        Assert.Equal(600, Call("cuEventQuery", made));
        Assert.Equal(0, Call("cuEventQuery", made));
        Call("cuEventDestroy_v2", made);
        Assert.Equal("", New());
        Call("cuEventDestroy_v2", made);
        Assert.Contains("the event was destroyed before", New(), StringComparison.Ordinal);
    }

    [Fact]
    public void Memory_and_streams_of_another_card_are_noticed_until_it_is_reached()
    {
        using IDisposable cards = _library.Fault("cards:2");
        nint first, second, memory = Allocate(64);
        Call("cuDevicePrimaryCtxRetain", (nint)(&first), 7);
        Call("cuDevicePrimaryCtxRetain", (nint)(&second), 8);
        Call("cuCtxSetCurrent", second);
        nint far = Allocate(64);
        Call("cuMemsetD8Async", far, 0, 64, _stream);
        Assert.Contains("the stream is another card's", New(), StringComparison.Ordinal);
        Call("cuCtxSetCurrent", first);
        Call("cuMemcpyDtoDAsync_v2", memory, far, 64, _stream);
        Assert.Contains("is the memory of a card that this one does not reach", New(), StringComparison.Ordinal);
        Assert.Equal(0, Call("cuCtxEnablePeerAccess", second, 0));
        Assert.Equal(704, Call("cuCtxEnablePeerAccess", second, 0));
        Call("cuMemcpyDtoDAsync_v2", memory, far, 64, _stream);
        Assert.Equal("", New());
        Call("cuCtxEnablePeerAccess", first, 0);
        Assert.Contains("cuCtxEnablePeerAccess: context", New(), StringComparison.Ordinal);
        Call("cuCtxSetCurrent", 5);
        Assert.Contains("is no context", New(), StringComparison.Ordinal);
    }

    private nint Allocate(int bytes)
    {
        nint memory;
        Call("cuMemAlloc_v2", (nint)(&memory), bytes);
        return memory;
    }

    private nint Function(string entry, string target)
    {
        nint module, function;
        fixed (byte* text = (byte[])[.. KernelArchive.Read(target, entry + ".ptx"), 0], name = Encoding.UTF8.GetBytes(entry + '\0'))
        {
            Assert.Equal(0, Call("cuModuleLoadDataEx", (nint)(&module), (nint)text, 0, 0, 0));
            Assert.Equal(0, Call("cuModuleGetFunction", (nint)(&function), module, (nint)name));
        }

        return function;
    }

    private void Launch(nint function, uint threads, uint shared, nint parameters) =>
        _ = ((delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, nint, nint, int>)_library["cuLaunchKernel"])(
            function, 1, 1, 1, threads, 1, 1, shared, _stream, parameters, 0);

    // Numbers and pointers travel alike, in registers.
    private int Call(string name, nint a, nint b = 0, nint c = 0, nint d = 0, nint e = 0) =>
        ((delegate* unmanaged<nint, nint, nint, nint, nint, int>)_library[name])(a, b, c, d, e);

    // What was wrong since the last question.
    private string New()
    {
        string all = _library.Wrongs(), found = all[_seen..];
        _seen = all.Length;
        return found;
    }

    private struct View
    {
        public nint Address;
        public long Count;
    }
}
