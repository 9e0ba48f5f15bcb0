using System.Globalization;
using Lean.Kernels;

namespace Lean.Engine.Bench.Ops;

/// <summary>A run as a table for people, a line as soon as it is known.</summary>
/// <param name="output">Where to.</param>
/// <param name="run">The run.</param>
internal sealed class OpTable(TextWriter output, OpRun run)
{
    private const double Giga = 1e9, Tera = 1e12, Micro = 1e6;
    private const int NameWidth = 22;

    private string? _group;

    /// <summary>What precedes the lines.</summary>
    public void Head()
    {
        Ceilings c = run.Ceilings;
        output.WriteLine($"device   {run.Device}");
        output.WriteLine($"shapes   {string.Join(", ", run.Models)}; bf16 weights");
        output.WriteLine($"ceiling  read {c.Read / Giga:F1} GB/s, copy {c.Copy / Giga:F1} GB/s (read + written), plain loops over {c.Bytes / Giga:F2} GB; f32 multiply-adds {c.Flops / Tera:F3} TFLOP/s");
        output.WriteLine($"µs       a launch by the wall clock, many between two synchronisations{(run.Captures ? ", out of graphs where it takes less than 1 ms" : "")}; median (least–most) of {run.Repeats}");
        if (run.KernelClock)
        {
            output.WriteLine("kernels  µs of a launch's kernels by the device's clock, and how many there are");
        }

        output.WriteLine("share    the least time that the ceilings allow / median; a: arithmetic bounds it, else memory");
        output.WriteLine("error    ‖Δ‖/‖expected‖ against f64 of sampled rows, checked before the clock starts");
        foreach (string op in run.Missing)
        {
            output.WriteLine($"missing  {run.DeviceName} has no {op}");
        }

        if (run.Quick)
        {
            output.WriteLine("quick    small shapes, short repeats: these figures say that everything runs, not how fast");
        }
    }

    /// <summary>A figure's line, below a heading where its op or shape is a new one.</summary>
    public void Add(OpFigure figure)
    {
        string group = $"{figure.Name,-NameWidth} {figure.Shape}";
        if (group != _group)
        {
            string kernels = run.KernelClock ? $"{"kernels",16}" : "";
            output.WriteLine($"\n{group}\n{"rows",8} {"class",-10}{"µs",12}{"least–most",20}{kernels}{"GB/s",10}{"TFLOP/s",10}{"share",8}  {"error",-8}");
            _group = group;
        }

        string head = $"{figure.Rows,8} {Class(figure.Class),-10}";
        if (figure.Fault is not null)
        {
            output.WriteLine($"{head}RED: {figure.Fault}");
        }
        else if (figure.Skipped is not null || figure.Seconds is not { } seconds)
        {
            output.WriteLine($"{head}skipped: {figure.Skipped}");
        }
        else
        {
            string kernels = !run.KernelClock ? "" : figure.KernelSeconds is { } k ? $"{$"{Number(k * Micro)} in {figure.Kernels}",16}" : $"{"–",16}";
            string spread = $"{Number(seconds.Least * Micro)}–{Number(seconds.Most * Micro)}";
            string share = $"{figure.Share(run.Ceilings):P0}{(run.Ceilings.BoundByMemory(figure.Work) ? " " : "a")}";
            string experts = figure.ExpertsTouched is { } e ? $"  {e:F1} experts" : "";
            output.WriteLine(
                $"{head}{Number(seconds.Median * Micro),12}{spread,20}{kernels}{Number(figure.Bandwidth!.Value / Giga),10}{Number(figure.Flops!.Value / Tera),10}{share,8}  {figure.Error,-8:0.0E-0}{experts}".TrimEnd());
        }

        output.Flush();
    }

    /// <summary>A class by its name.</summary>
    public static string Class(RowClass? rowClass) => rowClass switch
    {
        RowClass.Prompt => "prompt",
        RowClass.Generated => "generated",
        _ => "–",
    };

    /// <summary>Three digits that mean something.</summary>
    internal static string Number(double value) => Math.Abs(value) switch
    {
        0 => "0",
        >= 100 => value.ToString("F0", CultureInfo.InvariantCulture),
        >= 10 => value.ToString("F1", CultureInfo.InvariantCulture),
        >= 1 => value.ToString("F2", CultureInfo.InvariantCulture),
        >= 0.001 => value.ToString("0.0000", CultureInfo.InvariantCulture),
        _ => value.ToString("0.0E-0", CultureInfo.InvariantCulture),
    };
}
