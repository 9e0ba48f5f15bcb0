using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Lean.Generators.Weights;

/// <summary>Reads a class marked [WeightSet] into a model, and collects what is wrong with it.</summary>
internal sealed class WeightSetReader
{
    private const string WeightAttribute = "Lean.Engine.Weights.WeightAttribute";

    private readonly INamedTypeSymbol _type;
    private readonly TypeDeclarationSyntax _syntax;
    private readonly ConfigSymbols _config;
    private readonly CancellationToken _cancel;
    private readonly ImmutableArray<DiagnosticInfo>.Builder _problems = ImmutableArray.CreateBuilder<DiagnosticInfo>();
    private readonly SortedSet<string> _used = new(StringComparer.Ordinal);

    public WeightSetReader(GeneratorAttributeSyntaxContext found, CancellationToken cancel)
    {
        _type = (INamedTypeSymbol)found.TargetSymbol;
        _syntax = (TypeDeclarationSyntax)found.TargetNode;
        _config = ConfigSymbols.Of(found.SemanticModel.Compilation);
        _cancel = cancel;
    }

    public WeightSetResult Read()
    {
        if (_type.ContainingType is not null || _type.IsGenericType || !_syntax.Modifiers.Any(SyntaxKind.PartialKeyword))
        {
            _problems.Add(DiagnosticInfo.At(Diagnostics.NotPartial, _syntax.Identifier.GetLocation(), _type.Name));
        }

        var weights = ImmutableArray.CreateBuilder<WeightModel>();
        var owners = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (IPropertySymbol property in _type.GetMembers().OfType<IPropertySymbol>())
        {
            _cancel.ThrowIfCancellationRequested();
            AttributeData? attribute = property.GetAttributes().FirstOrDefault(a => a.AttributeClass?.ToDisplayString() == WeightAttribute);
            if (attribute?.ApplicationSyntaxReference?.GetSyntax(_cancel) is not AttributeSyntax syntax)
            {
                continue;
            }

            var reader = new WeightReader(property, attribute, syntax, _config, _problems, _used);
            if (reader.Read() is not WeightModel weight)
            {
                continue;
            }

            if (owners.TryGetValue(weight.Name, out string? owner))
            {
                _problems.Add(DiagnosticInfo.At(
                    Diagnostics.DuplicateName, reader.ArgumentLocation(0), owner, weight.Property, weight.Name));
            }

            owners[weight.Name] = weight.Property;
            weights.Add(weight);
        }

        WeightSetModel? model = _problems.Count > 0 ? null : new WeightSetModel(
            _type.ContainingNamespace.ToDisplayString(), _type.Name,
            new EquatableArray<string>([.. _used]), new EquatableArray<WeightModel>(weights.ToImmutable()));
        return new WeightSetResult(model, new EquatableArray<DiagnosticInfo>(_problems.ToImmutable()));
    }
}
