using System.Diagnostics;
using Lean.Comm;
using Lean.Engine.Layers;
using Lean.Engine.Models;
using Lean.Engine.Ranks;
using Lean.Engine.Weights;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>A model ready to run, with everything that must live as long as it does.</summary>
internal sealed class LoadedModel : IEngineSource
{
    private readonly IDisposable _weights;
    private readonly Parameters _parameters;
    private readonly ComputeDevice? _device;
    private readonly WeightScan? _scan;

    private LoadedModel(DecoderModel model, KernelSet ops, Parameters parameters, IDisposable weights, WeightScan? scan, ComputeDevice? device, TimeSpan loading) =>
        (Model, Ops, _parameters, _weights, _scan, _device, LoadTime) = (model, ops, parameters, weights, scan, device, loading);

    /// <summary>The model.</summary>
    public DecoderModel Model { get; }

    /// <summary>The ops it runs on.</summary>
    public KernelSet Ops { get; }

    /// <inheritdoc/>
    public ModelConfig Config => Model.Shard.Whole;

    /// <inheritdoc/>
    public LoadedModel Loaded => this;

    /// <inheritdoc/>
    public LayoutReport? Ranks => null;

    /// <summary>Threads that share each op on the CPU.</summary>
    public int Threads => _device?.Threads ?? 1;

    /// <summary>Bytes of the whole model's weights, each tensor once.</summary>
    public long ModelBytes { get; private init; }

    /// <summary>Bytes of weights that the rank holds.</summary>
    public long WeightBytes { get; private init; }

    /// <summary>How many of those are copies on the host, since a slice does not lie together in the file.</summary>
    public long CopiedBytes { get; private init; }

    /// <summary>How long loading took.</summary>
    public TimeSpan LoadTime { get; }

    /// <summary>Maps a checkpoint and builds its model on the CPU.</summary>
    public static LoadedModel Open(string directory, CpuBackend backend) => Open(directory, ComputeDevice.Of(backend));

    /// <summary>Maps a checkpoint and builds its model on given ops.</summary>
    public static LoadedModel Open(string directory, KernelSet ops) => Open(directory, ops, device: null, progress: null, collectives: null);

    /// <summary>Maps a checkpoint and builds its model on a device.</summary>
    /// <param name="directory">The checkpoint's folder.</param>
    /// <param name="device">The device, which the model then owns.</param>
    /// <param name="progress">Told the bytes loaded so far; on the CPU, null leaves reading to the first use of each page.</param>
    /// <exception cref="InputException">The checkpoint cannot be used.</exception>
    /// <exception cref="MachineException">The device has not enough memory.</exception>
    public static LoadedModel Open(string directory, ComputeDevice device, IProgress<long>? progress = null) =>
        Open(directory, device.Ops, device, progress, collectives: null);

    /// <summary>Maps a checkpoint and builds one rank's part of its model, which holds the rank's slices of the weights alone.</summary>
    /// <param name="directory">The checkpoint's folder.</param>
    /// <param name="device">The rank's device, which the model then owns.</param>
    /// <param name="collectives">The rank's communicator, which stays the caller's.</param>
    /// <exception cref="InputException">The checkpoint cannot be used, or not be divided between the layout's ranks.</exception>
    /// <exception cref="MachineException">The device has not enough memory.</exception>
    public static LoadedModel Open(string directory, ComputeDevice device, ICollectives collectives) =>
        Open(directory, device.Ops, device, progress: null, collectives);

    private static LoadedModel Open(string directory, KernelSet ops, ComputeDevice? device, IProgress<long>? progress, ICollectives? collectives)
    {
        long start = Stopwatch.GetTimestamp();
        ModelConfig config = ModelConfigReader.Read(directory);
        ModelShard shard = collectives is null ? ModelShard.Of(config) : ModelShard.Of(config, collectives.Layout, collectives.Rank);
        var checkpoint = Checkpoint.Open(directory);
        var parameters = new Parameters(ops, progress);
        try
        {
            var source = new CheckpointSource(checkpoint);
            var binder = new CheckpointBinder(source, config, directory);
            var architecture = ModelArchitecture.Of(config);
            var counter = new CountingBinder(binder);
            var slices = new SlicingBinder(counter, shard.Layout, shard.Rank);
            parameters.Keep(slices);
            ModelWeights weights = architecture.Bind(slices, config);
            binder.Complete();
            if (ops.Stream is not null)
            {
                CheckRoom(ops.Device, slices.Bytes);
            }
            else if (progress is not null)
            {
                checkpoint.Prefetch(progress, CancellationToken.None);
            }

            var layer = new LayerContext(shard, ops, parameters, collectives is null ? null : new Peers(collectives));
            var model = new DecoderModel(architecture, weights, layer);
            var scan = new WeightScan(source, CheckpointLayout.Of(binder, config).TextPrefix, config);
            return new LoadedModel(model, ops, parameters, checkpoint, scan, device, Stopwatch.GetElapsedTime(start))
            {
                ModelBytes = counter.Bytes,
                WeightBytes = slices.Bytes,
                CopiedBytes = slices.CopiedBytes,
            };
        }
        catch
        {
            parameters.Dispose();
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>Builds a model, or one rank's part of it, with random weights of the published layout.</summary>
    /// <param name="config">The whole model.</param>
    /// <param name="seed">The same seed gives the same weights, on any device and layout.</param>
    /// <param name="device">The device, which the model then owns.</param>
    /// <param name="progress">Told the bytes made so far.</param>
    /// <param name="collectives">The rank's communicator, which stays the caller's; null for the whole model.</param>
    /// <exception cref="MachineException">The device has not enough memory.</exception>
    public static LoadedModel Synthetic(ModelConfig config, ulong seed, ComputeDevice device, IProgress<long>? progress, ICollectives? collectives = null)
    {
        long start = Stopwatch.GetTimestamp();
        ModelShard shard = collectives is null ? ModelShard.Of(config) : ModelShard.Of(config, collectives.Layout, collectives.Rank);
        using SyntheticOnDevice? onDevice = device.Ops.Stream is { } stream ? new SyntheticOnDevice(stream) : null;
        var binder = new SyntheticBinder(
            config, seed, onDevice is null ? progress : null, int.Max(device.Threads, Environment.ProcessorCount / shard.Layout.Ranks), onDevice);
        var parameters = new Parameters(device.Ops, progress, onDevice);
        try
        {
            var architecture = ModelArchitecture.Of(config);
            var slices = new SlicingBinder(binder, shard.Layout, shard.Rank, onDevice);
            parameters.Keep(slices);
            ModelWeights weights = architecture.Bind(slices, config);
            if (device.Ops.Stream is not null)
            {
                CheckRoom(device.Ops.Device, slices.Bytes);
            }

            var model = new DecoderModel(architecture, weights, new LayerContext(shard, device.Ops, parameters, collectives is null ? null : new Peers(collectives)));
            return new LoadedModel(model, device.Ops, parameters, binder, scan: null, device, Stopwatch.GetElapsedTime(start))
            {
                ModelBytes = binder.Bytes,
                WeightBytes = slices.Bytes,
                CopiedBytes = slices.CopiedBytes,
            };
        }
        catch
        {
            parameters.Dispose();
            binder.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public GenerationEngine Start(EngineOptions options) => new(Model, Ops, options);

    /// <summary>Lets something live as long as the model.</summary>
    public void Keep(IDisposable owned) => _parameters.Keep(owned);

    /// <summary>The first weight that is NaN or infinite among those read at a place of the model, or null (see <see cref="FaultPlace"/>).</summary>
    public string? BadWeight(int place) => _scan?.Find(place);

    public void Dispose()
    {
        _parameters.Dispose();
        _weights.Dispose();
        _device?.Dispose();
    }

    // Said before loading begins: a device that runs out of memory half-way has cost minutes, and says less.
    private static void CheckRoom(IDevice device, long needed)
    {
        long free = device.FreeMemory;
        if (needed > free)
        {
            throw new MachineException(
                $"{device.Name} has not enough memory: the weights take {needed:N0} bytes, {free:N0} of its {device.TotalMemory:N0} are free, {needed - free:N0} are missing");
        }
    }
}
