using System.Text.Json;
using Lean.Engine.Cli;

namespace Lean.Engine.Bench;

/// <summary>A kernel of a step, or of a prompt's steps.</summary>
/// <param name="Kernel">Its entry's name.</param>
/// <param name="Launches">How often a step, or a prompt, launches it.</param>
/// <param name="Seconds">What it takes of that, by the device's clock.</param>
internal readonly record struct StepKernel(string Kernel, double Launches, double Seconds)
{
    /// <summary>Prints a table.</summary>
    /// <param name="what">Whose kernels they are.</param>
    /// <param name="unit">What they take part in.</param>
    /// <param name="kernels">The kernels; nothing is printed where there are none.</param>
    public static void Print(string what, string unit, IReadOnlyList<StepKernel> kernels)
    {
        if (kernels.Count == 0)
        {
            return;
        }

        Console.WriteLine($"\n{what}: {kernels.Sum(static k => k.Launches):F1} launches a {unit}, {kernels.Sum(static k => k.Seconds) * 1000:F3} ms one after the other");
        Console.WriteLine($"  {"kernel",-40}{"launches",10}{"µs each",12}{$"µs a {unit}",14}");
        foreach (StepKernel k in kernels)
        {
            Console.WriteLine($"  {k.Kernel,-40}{k.Launches,10:F1}{k.Seconds / k.Launches * 1e6,12:F2}{k.Seconds * 1e6,14:F1}");
        }
    }

    /// <summary>Writes an array of them, where there are any.</summary>
    /// <param name="json">Where to.</param>
    /// <param name="unit">What they take part in.</param>
    /// <param name="kernels">The kernels.</param>
    public static void Write(Utf8JsonWriter json, string unit, IReadOnlyList<StepKernel> kernels)
    {
        if (kernels.Count == 0)
        {
            return;
        }

        json.WriteStartArray("kernels");
        foreach (StepKernel k in kernels)
        {
            json.WriteStartObject();
            json.WriteString("kernel", k.Kernel);
            json.Figure("launches", k.Launches, decimals: 2);
            json.Figure($"us_per_{unit}", k.Seconds * 1e6, decimals: 3);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
