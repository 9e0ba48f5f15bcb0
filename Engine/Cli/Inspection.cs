using Lean.Engine.Models;
using Lean.Engine.Text;
using Lean.Engine.Weights;
using Lean.Tensors;

namespace Lean.Engine.Cli;

/// <summary>What a model folder holds, checked against what its configuration wants.</summary>
internal sealed record Inspection
{
    /// <summary>The folder.</summary>
    public required string Folder { get; init; }

    /// <summary>What config.json says.</summary>
    public required ModelConfig Config { get; init; }

    /// <summary>What the text model's tensor names begin with.</summary>
    public required string Prefix { get; init; }

    /// <summary>Layers of the MTP head that the weights hold.</summary>
    public required int MtpLayers { get; init; }

    /// <summary>The tensors the model takes.</summary>
    public required CountingBinder Counted { get; init; }

    /// <summary>Bytes of all tensors in the files.</summary>
    public required long Bytes { get; init; }

    /// <summary>Tensors in the files.</summary>
    public required int Tensors { get; init; }

    /// <summary>Weight files.</summary>
    public required int Files { get; init; }

    /// <summary>How many tensors have each element type, by the type's name in the files, most first.</summary>
    public required IReadOnlyList<KeyValuePair<string, int>> Types { get; init; }

    /// <summary>Tokens of the tokenizer, or null where the folder has none.</summary>
    public required int? TokenizerTokens { get; init; }

    /// <summary>Inspects a folder.</summary>
    /// <exception cref="InputException">It is no checkpoint that Lean can run.</exception>
    public static Inspection Of(string folder)
    {
        ModelConfig config = ModelConfigReader.Read(folder);
        using var checkpoint = Checkpoint.Open(folder);
        var binder = new CheckpointBinder(new CheckpointSource(checkpoint), config, folder);
        var counted = new CountingBinder(binder);
        ModelArchitecture.Of(config).Bind(counted, config);
        binder.Complete();
        var layout = CheckpointLayout.Of(binder, config);
        bool hasTokenizer = Path.Exists(Path.Combine(folder, TokenizerFile.Name));
        return new Inspection
        {
            Folder = folder,
            Config = config,
            Prefix = layout.TextPrefix,
            MtpLayers = layout.MtpLayers,
            Counted = counted,
            Bytes = checkpoint.Bytes,
            Tensors = checkpoint.Count,
            Files = checkpoint.Files.Count,
            Types = [.. checkpoint.Names.GroupBy(n => checkpoint.Describe(n).Split(' ')[0])
                .Select(g => new KeyValuePair<string, int>(g.Key, g.Count()))
                .OrderByDescending(t => t.Value)],
            TokenizerTokens = hasTokenizer ? Tokenizer.Load(folder).VocabularySize : null,
        };
    }
}
