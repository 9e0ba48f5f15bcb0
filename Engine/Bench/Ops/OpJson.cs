using System.Text.Json;
using Lean.Engine.Cli;

namespace Lean.Engine.Bench.Ops;

/// <summary>A run as JSON. Figures that are not there are null.</summary>
internal static class OpJson
{
    /// <summary>What the JSON of all benchmarks calls this one.</summary>
    public const string Bench = "kernels";

    private const double Giga = 1e9, Tera = 1e12, Micro = 1e6;

    /// <summary>Writes a run.</summary>
    /// <param name="json">Where to.</param>
    /// <param name="run">The run.</param>
    /// <param name="figures">What came of it.</param>
    /// <param name="peers">Whose figures are put beside them, or null.</param>
    public static void Write(Utf8JsonWriter json, OpRun run, IReadOnlyList<OpFigure> figures, PeerSet? peers = null)
    {
        json.WriteStartObject();
        json.WriteString("bench", Bench);
        json.WriteString("program", run.Program);
        json.WriteString("device", run.Device);
        json.WriteString("device_name", run.DeviceName);
        json.WriteBoolean("quick", run.Quick);
        Strings(json, "models", run.Models);
        json.WriteString("weights", "bf16");
        json.WriteNumber("repeats", run.Repeats);
        json.WriteString("clock", "wall, over launches queued between two synchronisations");
        json.WriteString("kernel_clock", run.KernelClock ? "device" : null);
        json.WriteNumber("memory_bytes", run.Budget);
        json.WriteNumber("rotation_bytes", run.Rotation);
        json.WriteStartObject("ceilings");
        json.Figure("read_gb_per_s", run.Ceilings.Read / Giga, decimals: 3);
        json.Figure("copy_gb_per_s", run.Ceilings.Copy / Giga, decimals: 3);
        json.Figure("multiply_add_f32_tflop_per_s", run.Ceilings.Flops / Tera, decimals: 6);
        json.WriteNumber("bytes", run.Ceilings.Bytes);
        json.WriteEndObject();
        Strings(json, "missing_ops", run.Missing);
        json.WriteNumber("red", figures.Count(static f => f.Fault is not null));
        json.WriteNumber("skipped", figures.Count(static f => f.Skipped is not null));
        json.WriteStartArray("figures");
        foreach (OpFigure figure in figures)
        {
            Write(json, run, figure);
        }

        json.WriteEndArray();
        if (peers is not null)
        {
            PeerTable.Write(json, peers, peers.Beside(figures));
        }

        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, OpRun run, OpFigure figure)
    {
        json.WriteStartObject();
        json.WriteString("op", figure.Name);
        json.WriteString("shape", figure.Shape);
        Strings(json, "models", figure.Models);
        json.WriteString("class", figure.Class is null ? null : OpTable.Class(figure.Class));
        json.WriteNumber("rows", figure.Rows);
        json.WriteString("status", figure.Fault is not null ? "red" : figure.Skipped is not null ? "skipped" : "ok");
        json.WriteString("reason", figure.Fault ?? figure.Skipped);
        Error(json, figure.Error);
        json.Figure("median_us", figure.Seconds?.Median * Micro ?? double.NaN, decimals: 4);
        json.Figure("min_us", figure.Seconds?.Least * Micro ?? double.NaN, decimals: 4);
        json.Figure("max_us", figure.Seconds?.Most * Micro ?? double.NaN, decimals: 4);
        json.WriteNumber("repeats", figure.Seconds?.Count ?? 0);
        json.WriteNumber("launches_per_repeat", figure.Launches);
        json.WriteNumber("launches_per_graph", figure.Captured);
        json.Figure("kernel_us", figure.KernelSeconds * Micro ?? double.NaN, decimals: 4);
        json.WriteNumber("kernels", figure.Kernels);
        json.WriteStartArray("kernel_times");
        foreach (KernelTime time in figure.KernelTimes)
        {
            json.WriteStartObject();
            json.WriteString("kernel", time.Kernel);
            json.Figure("median_us", time.Seconds * Micro, decimals: 4);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.Figure("bytes", figure.Work.Bytes, decimals: 0);
        json.Figure("flops", figure.Work.Flops, decimals: 0);
        json.Figure("gb_per_s", figure.Bandwidth / Giga ?? double.NaN, decimals: 4);
        json.Figure("tflop_per_s", figure.Flops / Tera ?? double.NaN, decimals: 6);
        json.Figure("share_of_ceiling", figure.Share(run.Ceilings) ?? double.NaN, decimals: 5);
        json.WriteString("bound", run.Ceilings.BoundByMemory(figure.Work) ? "memory" : "arithmetic");
        json.Figure("experts_touched", figure.ExpertsTouched ?? double.NaN, decimals: 2);
        json.WriteNumber("rotated_bytes", figure.RotatedBytes);
        json.WriteEndObject();
    }

    // Errors are too small for decimals.
    private static void Error(Utf8JsonWriter json, double error)
    {
        if (double.IsFinite(error))
        {
            json.WriteNumber("error", error);
        }
        else
        {
            json.WriteNull("error");
        }
    }

    private static void Strings(Utf8JsonWriter json, string name, IReadOnlyList<string> values)
    {
        json.WriteStartArray(name);
        foreach (string value in values)
        {
            json.WriteStringValue(value);
        }

        json.WriteEndArray();
    }
}
