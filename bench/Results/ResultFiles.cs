using System.Runtime.CompilerServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using Lean.Bench.Charts;
using Lean.Engine.Bench.Charts;

namespace Lean.Bench.Results;

/// <summary>bench/results/cpu: per device a JSON file with everything, a chart and a table.</summary>
internal static class ResultFiles
{
    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Writes a run's files and returns their common path without the extension.</summary>
    public static string Save(SuiteRun run)
    {
        Directory.CreateDirectory(Folder());
        string path = Path.Combine(Folder(), run.FileName());
        File.WriteAllText(path + ".json", JsonSerializer.Serialize(run, Json) + "\n");
        Draw(run, path);
        return path;
    }

    /// <summary>Writes another run as JSON and as text.</summary>
    public static void Save<T>(string name, T run, string text)
    {
        Directory.CreateDirectory(Folder());
        File.WriteAllText(Path.Combine(Folder(), name + ".json"), JsonSerializer.Serialize(run, Json) + "\n");
        File.WriteAllText(Path.Combine(Folder(), name + ".txt"), text);
    }

    /// <summary>Draws the charts and tables of all saved runs again and returns how many there are.</summary>
    public static int DrawAll()
    {
        int drawn = 0;
        foreach (string file in Directory.GetFiles(Folder(), "*.json"))
        {
            // Whole models' figures lie here too.
            using var document = JsonDocument.Parse(File.ReadAllText(file));
            if (document.RootElement.TryGetProperty("kernels", out _))
            {
                SuiteRun run = document.Deserialize<SuiteRun>(Json) ?? throw new InvalidDataException($"{file} holds no run");
                Draw(run, Path.ChangeExtension(file, null));
                drawn++;
            }
        }

        return drawn;
    }

    private static void Draw(SuiteRun run, string path)
    {
        File.WriteAllText(path + ".svg", SvgWriter.Write(KernelChart.Of(run)));
        File.WriteAllText(path + ".md", ResultTable.Write(run));
    }

    // The folder of the sources: results belong to the repository, wherever the program was started.
    private static string Folder([CallerFilePath] string thisFile = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(thisFile)!, "..", "results", "cpu"));
}
