using Lean.Engine.Cli;
using Lean.Engine.Models;
using Lean.Engine.Ranks;
using Lean.Engine.Running;
using Lean.Engine.Weights;
using Lean.Tensors;

namespace Lean.Engine.Bench;

/// <summary>The model that a benchmark runs: a checkpoint, or a published model's shapes with random weights.</summary>
internal sealed class BenchModel : IDisposable
{
    // Activations, caches and the buffer whose reading is timed.
    private const long RoomBeside = 3L << 30;

    private BenchModel(string name, IEngineSource source, CountingBinder counted, RankOptions ranks) =>
        (Name, Source, Counted, Ranks) = (name, source, counted, ranks);

    /// <summary>The checkpoint's folder, or the published model's name.</summary>
    public string Name { get; }

    /// <summary>What engines are made of: the model on one device, or on ranks.</summary>
    public IEngineSource Source { get; }

    /// <summary>The ranks.</summary>
    public RankOptions Ranks { get; }

    /// <summary>The model; of several ranks, the part of the first one.</summary>
    public LoadedModel Loaded => Source.Loaded;

    /// <summary>Its weights.</summary>
    public CountingBinder Counted { get; }

    /// <summary>What config.json says, or would.</summary>
    public ModelConfig Config => Source.Config;

    /// <summary>Opens the model that the command line names; a synthetic one has an MTP head only where it drafts.</summary>
    /// <exception cref="InputException">Both or a wrong one are named.</exception>
    /// <exception cref="MachineException">The weights do not fit into memory.</exception>
    public static BenchModel Open(string? folder, string? synthetic, int? layers, int seed, string? deviceName, RankOptions ranks, bool drafts = false)
    {
        if (synthetic is null)
        {
            string found = layers is null
                ? ModelFolder.Find(folder)
                : throw new InputException("--layers needs --synthetic: a checkpoint's layers are all there or none");
            return new BenchModel(found, ModelFolder.Open(found, deviceName, ranks), Inspection.Of(found).Counted, ranks);
        }

        if (folder is not null)
        {
            throw new InputException("--model and --synthetic exclude each other: expected one of them");
        }

        ModelConfig config = SyntheticModels.Get(synthetic, layers) with { MtpLayers = drafts ? 1 : 0 };
        var counted = new CountingBinder(config);
        ModelArchitecture.Of(config).Bind(counted, config);
        if (ranks.Layout.Ranks > 1)
        {
            var parts = RankedModel.Open((device, collectives) => LoadedModel.Synthetic(config, (ulong)seed, device, progress: null, collectives), ranks);
            return new BenchModel(synthetic, parts, counted, ranks);
        }

        ComputeDevice device = DeviceChoice.Open(deviceName, ranks.Activations, ranks.Profiles);
        try
        {
            long needed = counted.Bytes + RoomBeside, free = device.Ops.Device.FreeMemory;
            if (needed > free)
            {
                throw new MachineException(
                    $"{synthetic} with {config.Layers} layers needs {needed:N0} bytes of memory on {device.Ops.Device.Name}, but {free:N0} are free; --layers N builds fewer layers");
            }

            using LoadingLine? line = Console.IsErrorRedirected ? null : new LoadingLine(needed - RoomBeside);
            return new BenchModel(synthetic, LoadedModel.Synthetic(config, (ulong)seed, device, line), counted, ranks);
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    public void Dispose() => Source.Dispose();
}
