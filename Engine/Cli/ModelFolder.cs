using Lean.Engine.Running;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Cli;

/// <summary>Finds and loads the model a command is about.</summary>
internal static class ModelFolder
{
    /// <summary>Checkpoints of this size take long enough to load that a terminal shows how far it is.</summary>
    private const long WorthShowing = 1L << 30;

    /// <summary>The folder given, else the demo model's beside the program.</summary>
    /// <exception cref="InputException">There is no such folder.</exception>
    public static string Find(string? given)
    {
        string folder = given ?? Path.Combine(AppContext.BaseDirectory, "Demo");
        return Directory.Exists(folder)
            ? folder
            : throw new InputException(given is null
                ? $"no --model was given, and the demo model that is used then is not at '{folder}'"
                : File.Exists(given) ? $"'{given}' is no folder, expected the model's folder" : $"the model folder '{given}' does not exist");
    }

    /// <summary>Loads a model on the CPU.</summary>
    public static LoadedModel Open(string folder)
    {
        CpuBackend backend = CpuBackends.Open();
        try
        {
            long bytes = new DirectoryInfo(folder).EnumerateFiles("*.safetensors").Sum(f => f.Length);

            // Reading ahead is for people who watch; more than memory holds would only push itself out again.
            bool show = bytes >= WorthShowing && !Console.IsErrorRedirected && bytes < new CpuDevice().FreeMemory;
            if (!show)
            {
                return LoadedModel.Open(folder, backend);
            }

            using var line = new LoadingLine(bytes);
            return LoadedModel.Open(folder, backend, line);
        }
        catch
        {
            backend.Dispose();
            throw;
        }
    }
}
