using System.Collections.Immutable;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;

namespace Lean.Generators.Weights;

/// <summary>
/// Adds <c>Bind(IWeightBinder, string prefix, ModelConfig)</c> to each class marked [WeightSet]: the declared tensors,
/// asked for one by one with their shapes computed from the configuration. What is wrong with a declaration is
/// reported where it is written, and a class with an error gets no code.
/// </summary>
[Generator(LanguageNames.CSharp)]
public sealed class WeightBindingGenerator : IIncrementalGenerator
{
    /// <summary>The tracked step that reads the classes.</summary>
    internal const string ReadStep = "ReadWeightSets";

    /// <summary>The tracked step that holds the sound ones.</summary>
    internal const string ModelStep = "WeightSetModels";

    /// <inheritdoc/>
    public void Initialize(IncrementalGeneratorInitializationContext context)
    {
        IncrementalValuesProvider<WeightSetResult> results = context.SyntaxProvider
            .ForAttributeWithMetadataName(
                "Lean.Engine.Weights.WeightSetAttribute",
                static (node, _) => node is TypeDeclarationSyntax,
                static (found, cancel) => new WeightSetReader(found, cancel).Read())
            .WithTrackingName(ReadStep);

        context.RegisterSourceOutput(
            results.SelectMany(static (result, _) => result.Diagnostics.ToImmutableArray()),
            static (output, diagnostic) => output.ReportDiagnostic(diagnostic.ToDiagnostic()));

        context.RegisterSourceOutput(
            results.SelectMany(static (result, _) => result.Model is null ? ImmutableArray<WeightSetModel>.Empty : [result.Model])
                .WithTrackingName(ModelStep),
            static (output, model) => output.AddSource(
                $"{model.Namespace}.{model.Name}.Bind.g.cs", SourceText.From(WeightSetWriter.Write(model), Encoding.UTF8)));
    }
}
