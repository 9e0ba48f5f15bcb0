using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Lean.Engine.Caches;
using Lean.Engine.Drafting;
using Lean.Engine.Running;
using Lean.Engine.Sampling;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Cli;

/// <summary>Makes options whose errors are sentences of ours.</summary>
internal static class Options
{
    /// <summary>The model's folder, for every command that needs one.</summary>
    public static Option<string?> Model() => Text("--model", "DIR", "The checkpoint's folder (default: the demo model beside the program)");

    /// <summary>Where to run.</summary>
    public static Option<string?> Device() => Text("--device", "cpu|cuda[:i]|opencl[:i]|ze[:i]", "Where to run: that device or an error, never another one (default: cpu)");

    /// <summary>What products take of their rows.</summary>
    public static Option<string?> Activations() => Text(
        "--activations", "f32|bf16", "What matrix products with bf16 weights take of their rows: f32, or bf16, for which each number is rounded first, and on Hopper more of a prompt: less work for a GPU's tensor cores, and logits that are off by what the guide says (default: f32)");

    /// <summary>What products take, as given.</summary>
    /// <exception cref="InputException">It is neither.</exception>
    public static DType ReadActivations(ParseResult parsed, Option<string?> option) => parsed.GetValue(option) switch
    {
        null or "f32" => DType.F32,
        "bf16" => DType.BF16,
        { } other => throw new InputException($"{option.Name} is '{other}', expected f32 or bf16"),
    };

    /// <summary>How much memory caches get.</summary>
    public static Option<string?> CacheMemory() => Text(
        "--cache-memory", "SIZE", "Memory for keys, values and states, such as 8GiB, never exceeded; where it runs out, the last to come wait (default: what the prompts can use of what is free)");

    /// <summary>How many rows a step aims at; null where it is not given.</summary>
    public static Option<int?> MaxStepTokens() => Whole(
        new ParameterRange("max_step_tokens", Grid.Cell, 1 << 20, $"a whole number from {Grid.Cell} to {1 << 20}"), "N",
        $"Tokens that one step computes at most; prompts are cut to it in multiples of {Grid.Cell}, and no token depends on it (default: {StepTokens.Usual.Alone} on processors, else what the device's matrix units and memory suit, and fewer where somebody generates beside)");

    /// <summary>How far to draft.</summary>
    public static Option<Speculation> Speculate() => new("--speculate")
    {
        Description = "Tokens to draft ahead of each step, 0 to 7, or auto for as many as pays, which are then verified at once: they come sooner and are the same, bit for bit (default: 0)",
        HelpName = "N|auto",
        DefaultValueFactory = static _ => Speculation.Off,
        CustomParser = static result => ReadSpeculation(result, result.Tokens[^1].Value),
    };

    /// <summary>How far to draft, in several runs; empty where it is not given.</summary>
    public static Option<Speculation[]?> Speculations() => new("--speculate")
    {
        Description = "Tokens to draft ahead of each step, 0 to 7, or auto for as many as pays; 0,3,auto measures each in turn (default: 0)",
        HelpName = "N,…",
        CustomParser = static result => [.. result.Tokens[^1].Value.Split(',').Select(part => ReadSpeculation(result, part))],
    };

    /// <summary>Who drafts.</summary>
    public static Option<string?> Drafter() => Text(
        "--drafter", "mtp|lookup", "Who drafts: the model's MTP head, or what followed when the text's last tokens stood in it before (default: mtp where the checkpoint has a head, else lookup)");

    /// <summary>Who drafts, as given; null where nobody said.</summary>
    /// <exception cref="InputException">Nobody is called that.</exception>
    public static DrafterKind? ReadDrafter(ParseResult parsed, Option<string?> option) => parsed.GetValue(option) is not { } name ? null
        : DrafterNames.TryFind(name, out DrafterKind? kind) ? kind
        : throw new InputException($"{option.Name} is '{name}', expected {DrafterNames.Expected}");

    /// <summary>Whether what was generated is kept for prompts that quote it.</summary>
    public static Option<bool> ReuseGenerated() => Flag(
        "--reuse-generated", "Keep what was generated for prompts that quote it, as a chat's next turn does: they start sooner, but exactness is given up, since an answer may then differ from what its prompt gives alone");

    /// <summary>Whether to print JSON.</summary>
    public static Option<bool> Json(string what) => Flag("--json", what);

    /// <summary>An option that takes text.</summary>
    public static Option<string?> Text(string name, string value, string description) => new(name)
    {
        Description = description,
        HelpName = value,
        CustomParser = static result => result.Tokens[^1].Value,
    };

    /// <summary>An option that takes text and may be repeated.</summary>
    public static Option<string[]> Texts(string name, string value, string description) => new(name)
    {
        Description = description,
        HelpName = value,
        Arity = ArgumentArity.OneOrMore,
        CustomParser = static result => [.. result.Tokens.Select(t => t.Value)],
        DefaultValueFactory = static _ => [],
    };

    /// <summary>An option that is there or not.</summary>
    public static Option<bool> Flag(string name, string description) => new(name) { Description = description, Arity = ArgumentArity.Zero };

    /// <summary>An option that takes a whole number within bounds.</summary>
    public static Option<int> Number(string name, int least, int most, int fallback, string description) => new(name)
    {
        Description = description,
        HelpName = "N",
        DefaultValueFactory = _ => fallback,
        CustomParser = result => Parse(result, name, least, most),
    };

    /// <summary>An option that takes several whole numbers within bounds, as 1,16,64; empty where it is not given.</summary>
    public static Option<int[]?> Numbers(string name, int least, int most, int[] fallback, string description) => new(name)
    {
        Description = $"{description} (default: {string.Join(',', fallback)})",
        HelpName = "N,…",
        CustomParser = result => [.. result.Tokens[^1].Value.Split(',').Select(part => Parse(result, part, name, least, most))],
    };

    /// <summary>An option that takes a number within a parameter's range; null where it is not given.</summary>
    public static Option<double?> Real(ParameterRange range, string value, string description) => new(range.Option)
    {
        Description = description,
        HelpName = value,
        CustomParser = result => double.TryParse(result.Tokens[^1].Value, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && range.Holds(number)
            ? number
            : Refuse(result, range),
    };

    /// <summary>An option that takes a whole number within a parameter's range; null where it is not given.</summary>
    public static Option<int?> Whole(ParameterRange range, string value, string description) => new(range.Option)
    {
        Description = description,
        HelpName = value,
        CustomParser = result => int.TryParse(result.Tokens[^1].Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) && range.Holds(number)
            ? number
            : (int?)Refuse(result, range),
    };

    /// <summary>The option that takes a seed; null where it is not given.</summary>
    public static Option<long?> Seed(string description) => new(ParameterRange.Seed.Option)
    {
        Description = description,
        HelpName = "S",
        CustomParser = static result => long.TryParse(result.Tokens[^1].Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number)
            ? number
            : (long?)Refuse(result, ParameterRange.Seed),
    };

    private static Speculation ReadSpeculation(ArgumentResult result, string text)
    {
        if (!Speculation.TryParse(text, out Speculation speculation))
        {
            result.AddError($"--speculate is '{text}', expected a whole number from 0 to {PromptCheck.MostDrafts}, or {Speculation.AutoName}");
        }

        return speculation;
    }

    private static double? Refuse(ArgumentResult result, ParameterRange range)
    {
        result.AddError(range.Refusal(range.Option, $"'{result.Tokens[^1].Value}'"));
        return null;
    }

    private static int Parse(ArgumentResult result, string name, int least, int most) => Parse(result, result.Tokens[^1].Value, name, least, most);

    private static int Parse(ArgumentResult result, string text, string name, int least, int most)
    {
        if (int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) && number >= least && number <= most)
        {
            return number;
        }

        result.AddError($"{name} is '{text}', expected a whole number from {least} to {most}");
        return least;
    }
}
