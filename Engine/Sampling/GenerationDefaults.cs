using Lean.Engine.Models.Config;
using Lean.Tensors;

namespace Lean.Engine.Sampling;

/// <summary>What a model's generation_config.json recommends for sampling; null where it is silent.</summary>
internal sealed record GenerationDefaults
{
    private const string FileName = "generation_config.json";

    /// <inheritdoc cref="SamplingParameters.Temperature"/>
    public double? Temperature { get; private init; }

    /// <inheritdoc cref="SamplingParameters.TopK"/>
    public int? TopK { get; private init; }

    /// <inheritdoc cref="SamplingParameters.TopP"/>
    public double? TopP { get; private init; }

    /// <inheritdoc cref="SamplingParameters.MinP"/>
    public double? MinP { get; private init; }

    /// <inheritdoc cref="SamplingParameters.RepetitionPenalty"/>
    public double? RepetitionPenalty { get; private init; }

    /// <summary>Reads the file of a model's folder, where it has one.</summary>
    /// <exception cref="InputException">A value is of the wrong kind or out of range.</exception>
    public static GenerationDefaults Read(string folder)
    {
        string path = Path.Combine(folder, FileName);
        if (!Path.Exists(path))
        {
            return new GenerationDefaults();
        }

        // do_sample is checked and not obeyed: whether to sample is the request's choice, these are only its defaults.
        ConfigObject file = ConfigFile.Read(path);
        _ = file.FlagOrNull("do_sample");
        return new GenerationDefaults
        {
            Temperature = Number(file, ParameterRange.Temperature),
            TopK = file.IntOrNull(ParameterRange.TopK.Name, (int)ParameterRange.TopK.Least, int.MaxValue),
            TopP = Number(file, ParameterRange.TopP),
            MinP = Number(file, ParameterRange.MinP),
            RepetitionPenalty = Number(file, ParameterRange.RepetitionPenalty),
        };
    }

    private static double? Number(ConfigObject file, ParameterRange range)
    {
        double? value = file.NumberOrNull(range.Name, double.MinValue, double.MaxValue);
        return value is null || range.Holds(value.Value) ? value : throw file.Wrong(range.Name, range.Expected);
    }
}
