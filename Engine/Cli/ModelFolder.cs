using Lean.Engine.Ranks;
using Lean.Engine.Running;
using Lean.Tensors;

namespace Lean.Engine.Cli;

/// <summary>Finds and loads the model a command is about.</summary>
internal static class ModelFolder
{
    /// <summary>Checkpoints of this size take long enough to load that a terminal shows how far it is.</summary>
    private const long WorthShowing = 1L << 30;

    /// <summary>Where the demo model lies: beside the program.</summary>
    public static string Demo { get; } = Path.Combine(AppContext.BaseDirectory, "Demo");

    /// <summary>The folder given, else the demo model's.</summary>
    /// <exception cref="InputException">There is no such folder.</exception>
    public static string Find(string? given)
    {
        string folder = given ?? Demo;
        return Directory.Exists(folder)
            ? folder
            : throw new InputException(given is null
                ? $"no --model was given, and the demo model that is used then is not at '{folder}'"
                : File.Exists(given) ? $"'{given}' is no folder, expected the model's folder" : $"the model folder '{given}' does not exist");
    }

    /// <summary>Says how ranks are connected and what each of them holds, where there are several.</summary>
    public static void ShowRanks(IEngineSource model, RankOptions ranks)
    {
        if (model.Ranks is { } report)
        {
            Console.Error.WriteLine($"{ranks.Layout}: {ranks.Reason}");
            report.Print(Console.Error);
        }
    }

    /// <summary>Loads a model on one device, or on ranks.</summary>
    /// <param name="folder">Its folder.</param>
    /// <param name="deviceName">What --device names, or null.</param>
    /// <param name="ranks">The ranks.</param>
    public static IEngineSource Open(string folder, string? deviceName, RankOptions ranks)
    {
        if (ranks.Layout.Ranks == 1)
        {
            return Open(folder, deviceName, ranks.Activations, ranks.Profiles);
        }

        return RankedModel.Open(folder, ranks);
    }

    /// <summary>Loads a model.</summary>
    /// <param name="folder">Its folder.</param>
    /// <param name="deviceName">What --device names, or null.</param>
    /// <param name="activations">What products with bf16 weights take of their rows, f32 or bf16.</param>
    /// <param name="profiles">Whether the device times its kernels.</param>
    public static LoadedModel Open(string folder, string? deviceName, DType activations, bool profiles = false)
    {
        ComputeDevice device = DeviceChoice.Open(deviceName, activations, profiles);
        try
        {
            long bytes = new DirectoryInfo(folder).EnumerateFiles("*.safetensors").Sum(f => f.Length);

            // Reading ahead is for people who watch; more than the host's memory holds would only push itself out again.
            bool fits = device.Ops.Stream is not null || bytes < CpuDevice.Shared.FreeMemory;
            bool show = bytes >= WorthShowing && !Console.IsErrorRedirected && fits;
            if (!show)
            {
                return LoadedModel.Open(folder, device);
            }

            using var line = new LoadingLine(bytes);
            return LoadedModel.Open(folder, device, line);
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }
}
