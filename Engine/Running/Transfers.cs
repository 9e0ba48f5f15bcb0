using Lean.Engine.Sampling;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>
/// Brings a step's indices to the memory of its ops and its results back. On the host both are where they are, and
/// nothing is copied.
/// </summary>
internal sealed class Transfers(KernelSet ops) : IDisposable
{
    private readonly Parcel _parcel = new();
    private readonly Arena _host = ops.Stream is { } stream ? new Arena(stream.Device.AllocateOnHost, stream) : new Arena();

    /// <summary>The ops whose memory this is about.</summary>
    public KernelSet Ops => ops;

    /// <summary>Memory of the host for what steps bring to the device.</summary>
    public IDeviceBuffer AllocateOnHost(long bytes) => ops.Stream?.Device.AllocateOnHost(bytes) ?? new HostBuffer(bytes);

    /// <summary>Starts a step: results brought back before are void.</summary>
    public void Begin() => _host.Begin();

    /// <summary>A host tensor as the ops see it. Its memory stays unchanged until <see cref="Wait"/> has returned.</summary>
    /// <param name="host">The tensor; an unset one stays so.</param>
    /// <param name="arena">Where a copy goes.</param>
    public Tensor ToDevice(Tensor host, Arena arena)
    {
        if (ops.Stream is null || host.IsEmpty)
        {
            return host;
        }

        Tensor device = arena.Like(host);
        ops.Queue.CopyToDevice(host, device);
        return device;
    }

    /// <summary>Queues that a result is brought to the host, where it can be read after <see cref="Wait"/> and until the next step.</summary>
    public Tensor ToHost(Tensor device)
    {
        if (ops.Stream is null || device.IsEmpty)
        {
            return device;
        }

        Tensor host = _host.Like(device);
        ops.Queue.CopyToHost(device, host);
        return host;
    }

    /// <summary>Queues that a result is copied to memory of the host that lasts beyond the next step.</summary>
    /// <param name="device">The result; an unset one stays so.</param>
    /// <param name="results">Memory from <see cref="AllocateOnHost"/>.</param>
    public Tensor ToHost(Tensor device, Arena results)
    {
        if (device.IsEmpty)
        {
            return device;
        }

        Tensor host = results.Like(device);
        ops.Queue.CopyToHost(device, host);
        return host;
    }

    /// <summary>Marks what is queued so far.</summary>
    /// <param name="again">An event that came of this before, to be used again, or null.</param>
    public IDeviceEvent Mark(IDeviceEvent? again)
    {
        if (again is null || ops.Stream is not { } stream)
        {
            return ops.Queue.Record();
        }

        stream.Move(again);
        return again;
    }

    /// <summary>A result on the host, at once.</summary>
    public Tensor Read(Tensor device)
    {
        Tensor host = ToHost(device);
        Wait();
        return host;
    }

    /// <summary>Waits for all that is queued.</summary>
    public void Wait() => ops.Queue.Synchronize();

    /// <summary>A step's indices as the ops see them.</summary>
    public StepBatch ToDevice(in StepBatch batch, Arena arena)
    {
        if (ops.Stream is null)
        {
            return batch;
        }

        Tensor segments = ToDevice(batch.Segments, arena);
        return batch with
        {
            Tokens = ToDevice(batch.Tokens, arena),
            Positions = ToDevice(batch.Positions, arena),
            CacheSlots = ToDevice(batch.CacheSlots, arena),
            Segments = segments,
            Blocks = ToDevice(batch.Blocks, arena),
            OutputRows = ToDevice(batch.OutputRows, arena),
            OutputSegments = ToDevice(batch.OutputSegments, arena),
            StateSegments = batch.StateSegments == batch.Segments ? segments : ToDevice(batch.StateSegments, arena),
            LaterPieces = ToDevice(batch.LaterPieces, arena),
        };
    }

    /// <summary>A planned step as the ops see it.</summary>
    public PlannedBatch ToDevice(in PlannedBatch batch, Arena arena)
    {
        if (ops.Stream is null)
        {
            return batch;
        }

        PlannedBatch copy = Add(batch, arena);
        _parcel.Send(ops.Queue, room: null);
        return copy;
    }

    /// <summary>A planned step, and how its tokens are chosen, as the ops see them.</summary>
    /// <param name="image">Both.</param>
    /// <param name="arena">Where copies go.</param>
    /// <param name="room">See <see cref="Parcel.Send"/>.</param>
    public (PlannedBatch Batch, SamplingRows Sampling) ToDevice(in StepImage image, Arena arena, Arena? room)
    {
        if (ops.Stream is null)
        {
            return (image.Batch, image.Sampling);
        }

        (PlannedBatch, SamplingRows) copies = (Add(image.Batch, arena), Add(image.Sampling, arena));
        _parcel.Send(ops.Queue, room);
        return copies;
    }

    public void Dispose() => _host.Dispose();

    private PlannedBatch Add(in PlannedBatch batch, Arena arena) => batch with
    {
        Planned = Add(batch.Planned, arena),
        Text = Add(batch.Text, arena),
        Blocks = Add(batch.Blocks, arena),
        OutputRows = Add(batch.OutputRows, arena),
        OutputSegments = Add(batch.OutputSegments, arena),
        Entries = Add(batch.Entries, arena),
        Following = Add(batch.Following, arena),
        DraftBlocks = Add(batch.DraftBlocks, arena),
        StateSegments = Add(batch.StateSegments, arena),
        LaterPieces = Add(batch.LaterPieces, arena),
    };

    private SamplingRows Add(in SamplingRows rows, Arena arena)
    {
        LogitAdjustments a = rows.Adjustments;
        return rows with
        {
            Rows = Add(rows.Rows, arena),
            Settings = Add(rows.Settings, arena),
            TopK = Add(rows.TopK, arena),
            Seeds = Add(rows.Seeds, arena),
            TokenRows = Add(rows.TokenRows, arena),
            Listed = Add(rows.Listed, arena),
            Masked = Add(rows.Masked, arena),
            Masks = Add(rows.Masks, arena),
            Adjustments = !rows.Adjusts ? default : a with
            {
                BiasStarts = Add(a.BiasStarts, arena),
                Biased = Add(a.Biased, arena),
                Biases = Add(a.Biases, arena),
                SeenStarts = Add(a.SeenStarts, arena),
                Seen = Add(a.Seen, arena),
                Penalties = Add(a.Penalties, arena),
            },
        };
    }

    private Tensor Add(Tensor host, Arena arena) => host.IsEmpty ? host : _parcel.Add(host, arena);
}
