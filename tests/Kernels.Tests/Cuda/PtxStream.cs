using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text;
using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>A stream that runs each kernel at once, as the text that this binary carries, on <see cref="PtxMachine"/>.</summary>
internal sealed class PtxStream(MatrixUnits units) : KernelStream
{
    // What this binary carries is the same for all; what is planted is a stream's own.
    private static readonly ConcurrentDictionary<(string Target, string Entry), (string Text, PtxProgram Program)> s_carried = [];

    private readonly Dictionary<string, PtxProgram> _programs = [];
    private readonly List<PtxTensor> _maps = [];

    /// <summary>Whether kernels are noted and not run.</summary>
    public bool IsIdle { get; init; }

    /// <summary>The device that it is, where others run meanwhile: launches are then queued there.</summary>
    public PtxPeer? Peer { get; init; }

    /// <summary>What is planted in the kernels' text, or null.</summary>
    public Func<string, string>? Change { get; init; }

    /// <summary>Whether copies and products take place as late as the text allows, both, or one of them by turns.</summary>
    public bool IsLate { get; init; }

    /// <summary>Multiprocessors.</summary>
    public int Processors { get; init; } = 3;

    /// <summary>What has run.</summary>
    public List<string> Ran { get; } = [];

    public override string DeviceName => "model:0";

    public override KernelDevice Device { get; } = new PtxDevice();

    internal override MatrixUnits MatrixUnits => units;

    internal override int Multiprocessors => Processors;

    // Its memory is the host's.
    public override void CopyToDevice(Tensor host, Tensor device) => CopyOnDevice(host, device);

    public override void CopyToHost(Tensor device, Tensor host) => CopyOnDevice(device, host);

    public override void CopyOnDevice(Tensor source, Tensor target)
    {
        Assert.Equal(source.Bytes, target.Bytes);
        Bytes(source).CopyTo(Bytes(target));
    }

    public override void Fill(Tensor device, byte value) => Bytes(device).Fill(value);

    public override IDeviceEvent Record() => new Done();

    public override void Wait(IDeviceEvent after)
    {
    }

    public override void Synchronize()
    {
    }

    public override void TakeTimes(Action<DeviceKernel, TimeSpan> report) => throw new NotSupportedException();

    internal override IDeviceBuffer AllocateShared(long bytes) => new HostBuffer(bytes);

    internal override TensorMap Encode(string kernel, string argument, in Tensor tensor, int tileRows, bool isStreamed)
    {
        Assert.True(tensor.Address % 16 == 0 && tensor.RowStride * tensor.Type.Size() % 16 == 0, $"{kernel}: the copy engine cannot reach '{argument}'");
        int size = tensor.Type.Size(), rows = (int)tensor.Shape[0], columns = (int)tensor.Shape[1];
        _maps.Add(new PtxTensor(new PtxMemory(tensor.Address, (((rows - 1) * tensor.RowStride) + columns) * size), size, rows, columns, (int)tensor.RowStride, tileRows));
        TensorMap map = default;
        MemoryMarshal.Write(MemoryMarshal.AsBytes(MemoryMarshal.CreateSpan(ref map, 1)), _maps.Count - 1);
        return map;
    }

    internal override unsafe void Launch(DeviceKernel kernel, int groupsX, int groupsY, ReadOnlySpan<KernelArgument> arguments)
    {
        Ran.Add(kernel.Entry);
        if (IsIdle)
        {
            return;
        }

        string target = kernel.Targets.Contains("sm_90a") ? "sm_90a" : "sm_80";
        if (!_programs.TryGetValue(kernel.Entry, out PtxProgram? program))
        {
            (string text, PtxProgram carried) = s_carried.GetOrAdd((target, kernel.Entry), static key =>
            {
                string text = Encoding.UTF8.GetString(KernelArchive.Read(key.Target, key.Entry + ".ptx"));
                return (text, new PtxProgram(text));
            });
            string changed = Change?.Invoke(text) ?? text;
            _programs.Add(kernel.Entry, program = ReferenceEquals(changed, text) ? carried : new PtxProgram(changed));
        }

        var machine = new PtxMachine(program, kernel.DynamicBytes) { LateCopies = IsLate || Ran.Count % 2 == 0, LateProducts = IsLate || Ran.Count % 2 == 1, Peer = Peer };
        foreach (ref readonly KernelArgument argument in arguments)
        {
            if (argument.IsView)
            {
                machine.View(new PtxMemory(argument.Address, argument.Count * argument.ElementSize), argument.Count);
            }
            else if (argument.IsMap)
            {
                machine.Map(_maps[*(int*)argument.Address]);
            }
            else
            {
                machine.Number(argument.Bits);
            }
        }

        machine.Run(groupsX, groupsY);
    }

    private static unsafe Span<byte> Bytes(in Tensor tensor)
    {
        Assert.True(tensor.IsContiguous);
        return new((void*)tensor.Address, (int)tensor.Bytes);
    }

    private sealed class Done : IDeviceEvent
    {
        public bool IsComplete => true;

        public void Synchronize()
        {
        }

        public void Dispose()
        {
        }
    }

    private sealed class PtxDevice : KernelDevice
    {
        public override string Name => "model:0";

        public override string Description => "a model of a card";

        public override DeviceKind Kind => DeviceKind.Cuda;

        public override long FreeMemory => long.MaxValue;

        public override long TotalMemory => long.MaxValue;

        public override TimeSpan KernelLoadTime => TimeSpan.Zero;

        public override IDeviceBuffer Allocate(long bytes)
        {
            // What nobody has written must not be read.
            var buffer = new HostBuffer(bytes);
            buffer.View(DType.I8, new Shape(bytes)).AsSpan<byte>().Fill(0xff);
            return buffer;
        }

        public override KernelStream CreateStream(bool profile) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
        }
    }
}
