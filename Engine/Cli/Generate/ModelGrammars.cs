using Lean.Engine.Grammars;
using Lean.Engine.Models;
using Lean.Engine.Text;
using Lean.Tensors;

namespace Lean.Engine.Cli.Generate;

/// <summary>Grammars for the model of a folder, which is read only if somebody asks for one.</summary>
/// <param name="folder">The folder.</param>
/// <param name="tokenizer">Its tokenizer, or null where it has none.</param>
internal sealed class ModelGrammars(string folder, Tokenizer? tokenizer)
{
    private GrammarCache? _cache;

    /// <summary>Compiles them.</summary>
    /// <exception cref="InputException">The model has no tokenizer.</exception>
    public GrammarCache Cache => _cache ??= new GrammarCache(
        tokenizer ?? throw new InputException($"a schema needs the model's {TokenizerFile.Name}, which is not there"), ModelConfigReader.Read(folder).Vocabulary);
}
