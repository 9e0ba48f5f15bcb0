using System.Runtime.InteropServices;

namespace Lean.Kernels.Tests;

/// <summary>The stand-in itself: misuse that it must notice, on a copy of its own that no other test uses.</summary>
public sealed unsafe class StandInTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lean-standin-").FullName;
    private readonly StandInLibrary _library;
    private readonly nint _device;
    private readonly nint _context;
    private readonly nint _list;
    private int _seen;

    public StandInTests()
    {
        Assert.SkipWhen(StandInBuild.WhyUnavailable is not null, StandInBuild.WhyUnavailable ?? "");
        string name = $"libstandin-{Path.GetFileName(_folder)}.so";
        StandInBuild.Compile(Path.Combine(_folder, name), name);
        _library = new StandInLibrary(NativeLibrary.Load(Path.Combine(_folder, name)));
        uint one = 1;
        nint driver;
        Call("zeInit", 0);
        Call("zeDriverGet", (nint)(&one), (nint)(&driver));
        fixed (nint* device = &_device, context = &_context, list = &_list)
        {
            Call("zeDeviceGet", driver, (nint)(&one), (nint)device);
            var description = new ZEContextDescription { Header = new(ZEHeader.Number.Context) };
            Call("zeContextCreate", driver, (nint)(&description), (nint)context);
            var queue = new ZEQueueDescription { Header = new(ZEHeader.Number.Queue), Ordinal = 1, Flags = ZEQueueDescription.InOrder, Mode = ZEQueueDescription.Asynchronous };
            Call("zeCommandListCreateImmediate", _context, _device, (nint)(&queue), (nint)list);
            Assert.Equal("", New());

            description.Header.Type = ZEHeader.Number.None;
            Call("zeContextCreate", driver, (nint)(&description), (nint)(&driver));
            Assert.Contains("zeContextCreate: a structure of type 0x0, expected 0xd", New(), StringComparison.Ordinal);
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Handles_that_are_none_or_gone_are_noticed()
    {
        Call("zeCommandListHostSynchronize", 5, -1);
        Assert.Contains("is no command list", New(), StringComparison.Ordinal);
        Call("zeCommandListDestroy", _context);
        Assert.Contains("is no command list", New(), StringComparison.Ordinal);
        Call("zeContextDestroy", _context);
        Assert.Contains("still has 1 objects that were made of it", New(), StringComparison.Ordinal);
        Call("zeCommandListDestroy", _list);
        Call("zeCommandListDestroy", _list);
        Assert.Contains("the command list was destroyed before", New(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_queue_that_does_not_run_kernels_in_order_is_noticed()
    {
        nint list;
        var queue = new ZEQueueDescription { Header = new(ZEHeader.Number.Queue), Flags = ZEQueueDescription.InOrder, Mode = ZEQueueDescription.Asynchronous };
        Call("zeCommandListCreateImmediate", _context, _device, (nint)(&queue), (nint)(&list));
        Assert.Contains("kernels run in group 1", New(), StringComparison.Ordinal);
        (queue.Ordinal, queue.Flags) = (1, 0);
        Call("zeCommandListCreateImmediate", _context, _device, (nint)(&queue), (nint)(&list));
        Assert.Contains("expected in order", New(), StringComparison.Ordinal);
    }

    [Fact]
    public void Memory_that_is_outside_or_freed_too_early_is_noticed()
    {
        nint memory = Allocate(64);
        long pattern = 0, host = 0;
        Call("zeCommandListAppendMemoryFill", _list, memory + 32, (nint)(&pattern), 1, 40, 0, 0, 0);
        Assert.Contains("40 bytes at byte 32 of an allocation of 64", New(), StringComparison.Ordinal);
        Call("zeCommandListAppendMemoryCopy", _list, (nint)(&host), (nint)(&pattern), 8, 0, 0, 0);
        Assert.Contains("neither side is the device's", New(), StringComparison.Ordinal);
        Call("zeCommandListAppendMemoryFill", _list, memory, (nint)(&pattern), 1, 64, 0, 0, 0);
        Assert.Equal("", New());
        Call("zeMemFree", _context, memory);
        Assert.Contains("queued work has yet to use the memory", New(), StringComparison.Ordinal);
        Call("zeMemFree", _context, memory);
        Assert.Contains("is no allocation", New(), StringComparison.Ordinal);
        ZEDeviceMemoryDescription none = default;
        Call("zeMemAllocDevice", _context, (nint)(&none), 64, 64, _device, (nint)(&host));
        Assert.Contains("a structure of type 0x0, expected 0x15", New(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_launch_that_is_not_complete_is_noticed()
    {
        nint kernel = Kernel("embedding_f32"), memory = Allocate(256);
        var groups = new ZEGroupCount { X = 1, Y = 1, Z = 1 };
        Call("zeCommandListAppendLaunchKernel", _list, kernel, (nint)(&groups), 0, 0, 0);
        Assert.Contains("embedding_f32: its group size was not set", New(), StringComparison.Ordinal);
        Call("zeKernelSetGroupSize", kernel, 64, 1, 1);
        Assert.Contains("runs in groups of 256 × 1 × 1 and was given 64 × 1 × 1", New(), StringComparison.Ordinal);
        Call("zeKernelSetGroupSize", kernel, 256, 1, 1);
        Call("zeCommandListAppendLaunchKernel", _list, kernel, (nint)(&groups), 0, 0, 0);
        Assert.Contains("embedding_f32: argument 0 of 10 was not set", New(), StringComparison.Ordinal);

        long number = 1;
        Call("zeKernelSetArgumentValue", kernel, 10, 4, (nint)(&number));
        Assert.Contains("has 10 arguments and was given number 10", New(), StringComparison.Ordinal);
        Call("zeKernelSetArgumentValue", kernel, 6, 8, (nint)(&number));
        Assert.Contains("argument 6 has 4 bytes and was given 8", New(), StringComparison.Ordinal);
        Call("zeKernelSetArgumentValue", kernel, 0, 8, (nint)(&number));
        Assert.Contains("lies in no allocation", New(), StringComparison.Ordinal);

        var view = new ViewParameter { Length = 64 };
        for (int i = 0; i < 10; i++)
        {
            Call("zeKernelSetArgumentValue", kernel, i, i < 3 ? 8 : i < 6 ? 16 : 4, i < 3 ? (nint)(&memory) : i < 6 ? (nint)(&view) : (nint)(&number));
        }

        Call("zeCommandListAppendLaunchKernel", _list, kernel, (nint)(&groups), 0, 0, 0);
        Assert.Equal("", New());
        view.Length = 65;
        Call("zeKernelSetArgumentValue", kernel, 4, 16, (nint)(&view));
        Call("zeCommandListAppendLaunchKernel", _list, kernel, (nint)(&groups), 0, 0, 0);
        Assert.Contains("embedding_f32: view 1 has 65 elements at 0 in 256 bytes", New(), StringComparison.Ordinal);
        Call("zeKernelDestroy", kernel);
        Assert.Contains("queued work has yet to run embedding_f32", New(), StringComparison.Ordinal);
    }

    [Fact]
    public void Events_that_are_used_twice_or_never_are_noticed()
    {
        nint pool, made, device = _device;
        var events = new ZEEventPoolDescription { Header = new(ZEHeader.Number.EventPool), Flags = 1, Count = 2 };
        Call("zeEventPoolCreate", _context, (nint)(&events), 1, (nint)(&device), (nint)(&pool));
        var one = new ZEEventDescription { Header = new(ZEHeader.Number.Event), Index = 1, Signal = 4, Wait = 4 };
        Call("zeEventCreate", pool, (nint)(&one), (nint)(&made));
        Assert.Equal("", New());
        nint other;
        Call("zeEventCreate", pool, (nint)(&one), (nint)(&other));
        Assert.Contains("place 1 of 2", New(), StringComparison.Ordinal);
        Call("zeCommandListAppendWaitOnEvents", _list, 1, (nint)(&made));
        Assert.Contains("nothing will signal the event", New(), StringComparison.Ordinal);
        Call("zeCommandListAppendSignalEvent", _list, made);
        Call("zeCommandListAppendSignalEvent", _list, made);
        Assert.Contains("the event is in use", New(), StringComparison.Ordinal);
        Call("zeEventDestroy", made);
        Assert.Contains("queued work has yet to use the event", New(), StringComparison.Ordinal);
        Assert.Equal(1, Call("zeEventQueryStatus", made));
        Assert.Equal(0, Call("zeEventQueryStatus", made));
        Call("zeEventDestroy", made);
        Assert.Equal("", New());
    }

    private nint Allocate(int bytes)
    {
        nint memory;
        var description = new ZEDeviceMemoryDescription { Header = new(ZEHeader.Number.DeviceMemory) };
        Assert.Equal(0, Call("zeMemAllocDevice", _context, (nint)(&description), bytes, 64, _device, (nint)(&memory)));
        return memory;
    }

    private nint Kernel(string entry)
    {
        nint module, log, kernel;
        fixed (byte* spirv = KernelArchive.Read("spirv", entry + ".spv"), flags = "-ze-opt-greater-than-4GB-buffer-required\0"u8, name = System.Text.Encoding.UTF8.GetBytes(entry + '\0'))
        {
            var description = new ZEModuleDescription
            {
                Header = new(ZEHeader.Number.Module),
                InputSize = (nuint)KernelArchive.Read("spirv", entry + ".spv").Length,
                Input = spirv,
                BuildFlags = flags,
            };
            Assert.Equal(0, Call("zeModuleCreate", _context, _device, (nint)(&description), (nint)(&module), (nint)(&log)));
            var named = new ZEKernelDescription { Header = new(ZEHeader.Number.Kernel), Name = name };
            Assert.Equal(0, Call("zeKernelCreate", module, (nint)(&named), (nint)(&kernel)));
        }

        return kernel;
    }

    // Numbers and pointers travel alike, in registers and then in words of the stack.
    private int Call(string name, nint a, nint b = 0, nint c = 0, nint d = 0, nint e = 0, nint f = 0, nint g = 0, nint h = 0) =>
        ((delegate* unmanaged<nint, nint, nint, nint, nint, nint, nint, nint, int>)_library[name])(a, b, c, d, e, f, g, h);

    /// <summary>What was wrong since the last question.</summary>
    private string New()
    {
        string all = _library.Wrongs(), more = all[_seen..];
        _seen = all.Length;
        return more;
    }
}
