using System.Diagnostics;
using Lean.Engine.Layers;
using Lean.Engine.Models;
using Lean.Engine.Weights;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>A model ready to run, with everything that must live as long as it does.</summary>
internal sealed class LoadedModel : IDisposable
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

    /// <summary>Threads that share each op on the CPU.</summary>
    public int Threads => _device?.Threads ?? 1;

    /// <summary>How long loading took.</summary>
    public TimeSpan LoadTime { get; }

    /// <summary>Maps a checkpoint and builds its model on the CPU.</summary>
    public static LoadedModel Open(string directory, CpuBackend backend) => Open(directory, ComputeDevice.Of(backend));

    /// <summary>Maps a checkpoint and builds its model on given ops.</summary>
    public static LoadedModel Open(string directory, KernelSet ops) => Open(directory, ops, device: null, progress: null);

    /// <summary>Maps a checkpoint and builds its model on a device.</summary>
    /// <param name="directory">The checkpoint's folder.</param>
    /// <param name="device">The device, which the model then owns.</param>
    /// <param name="progress">Told the bytes loaded so far; on the CPU, null leaves reading to the first use of each page.</param>
    /// <exception cref="InputException">The checkpoint cannot be used.</exception>
    /// <exception cref="MachineException">The device has not enough memory.</exception>
    public static LoadedModel Open(string directory, ComputeDevice device, IProgress<long>? progress = null) =>
        Open(directory, device.Ops, device, progress);

    private static LoadedModel Open(string directory, KernelSet ops, ComputeDevice? device, IProgress<long>? progress)
    {
        long start = Stopwatch.GetTimestamp();
        ModelConfig config = ModelConfigReader.Read(directory);
        var checkpoint = Checkpoint.Open(directory);
        var parameters = new Parameters(ops, progress);
        try
        {
            var source = new CheckpointSource(checkpoint);
            var binder = new CheckpointBinder(source, config, directory);
            var architecture = ModelArchitecture.Of(config);
            var counter = new CountingBinder(binder);
            ModelWeights weights = architecture.Bind(counter, config);
            binder.Complete();
            if (ops.Stream is not null)
            {
                CheckRoom(ops.Device, counter.Bytes);
            }
            else if (progress is not null)
            {
                checkpoint.Prefetch(progress, CancellationToken.None);
            }

            var model = new DecoderModel(architecture, weights, new LayerContext(config, ops, parameters));
            var scan = new WeightScan(source, CheckpointLayout.Of(binder, config).TextPrefix, config);
            return new LoadedModel(model, ops, parameters, checkpoint, scan, device, Stopwatch.GetElapsedTime(start));
        }
        catch
        {
            parameters.Dispose();
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>Builds a model with random weights of the published layout.</summary>
    public static LoadedModel Synthetic(ModelConfig config, ulong seed, ComputeDevice device, IProgress<long>? progress)
    {
        long start = Stopwatch.GetTimestamp();
        using SyntheticOnDevice? onDevice = device.Ops.Stream is { } stream ? new SyntheticOnDevice(stream) : null;
        var binder = new SyntheticBinder(
            config, seed, onDevice is null ? progress : null, int.Max(device.Threads, Environment.ProcessorCount), onDevice);
        var parameters = new Parameters(device.Ops, progress, onDevice);
        try
        {
            var architecture = ModelArchitecture.Of(config);
            var model = new DecoderModel(architecture, architecture.Bind(binder, config), new LayerContext(config, device.Ops, parameters));
            return new LoadedModel(model, device.Ops, parameters, binder, scan: null, device, Stopwatch.GetElapsedTime(start));
        }
        catch
        {
            parameters.Dispose();
            binder.Dispose();
            throw;
        }
    }

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
