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
    public PlannedBatch ToDevice(in PlannedBatch batch, Arena arena) => ops.Stream is null ? batch : batch with
    {
        Planned = ToDevice(batch.Planned, arena),
        Text = ToDevice(batch.Text, arena),
        Blocks = ToDevice(batch.Blocks, arena),
        OutputRows = ToDevice(batch.OutputRows, arena),
        OutputSegments = ToDevice(batch.OutputSegments, arena),
        Entries = ToDevice(batch.Entries, arena),
        Following = ToDevice(batch.Following, arena),
        DraftBlocks = ToDevice(batch.DraftBlocks, arena),
        StateSegments = ToDevice(batch.StateSegments, arena),
        LaterPieces = ToDevice(batch.LaterPieces, arena),
    };

    /// <summary>How tokens are chosen, as the ops see it.</summary>
    public SamplingRows ToDevice(in SamplingRows rows, Arena arena)
    {
        if (ops.Stream is null)
        {
            return rows;
        }

        LogitAdjustments a = rows.Adjustments;
        return rows with
        {
            Rows = ToDevice(rows.Rows, arena),
            Settings = ToDevice(rows.Settings, arena),
            TopK = ToDevice(rows.TopK, arena),
            Seeds = ToDevice(rows.Seeds, arena),
            TokenRows = ToDevice(rows.TokenRows, arena),
            Listed = ToDevice(rows.Listed, arena),
            Masked = ToDevice(rows.Masked, arena),
            Masks = ToDevice(rows.Masks, arena),
            Adjustments = !rows.Adjusts ? default : a with
            {
                BiasStarts = ToDevice(a.BiasStarts, arena),
                Biased = ToDevice(a.Biased, arena),
                Biases = ToDevice(a.Biases, arena),
                SeenStarts = ToDevice(a.SeenStarts, arena),
                Seen = ToDevice(a.Seen, arena),
                Penalties = ToDevice(a.Penalties, arena),
            },
        };
    }

    public void Dispose() => _host.Dispose();
}
