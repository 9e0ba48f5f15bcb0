using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;

namespace Lean.Generators.Weights;

/// <summary>Reads one property marked [Weight].</summary>
internal sealed class WeightReader
{
    private const string SharedPart = ": shared";

    private readonly IPropertySymbol _property;
    private readonly AttributeData _attribute;
    private readonly AttributeSyntax _syntax;
    private readonly ConfigSymbols _config;
    private readonly ImmutableArray<DiagnosticInfo>.Builder _problems;
    private readonly SortedSet<string> _used;

    public WeightReader(
        IPropertySymbol property, AttributeData attribute, AttributeSyntax syntax, ConfigSymbols config,
        ImmutableArray<DiagnosticInfo>.Builder problems, SortedSet<string> used)
    {
        (_property, _attribute, _syntax) = (property, attribute, syntax);
        (_config, _problems, _used) = (config, problems, used);
    }

    public WeightModel? Read()
    {
        // An argument that does not compile has no value; the compiler reports it.
        if (_attribute.ConstructorArguments.Length != 2
            || _attribute.ConstructorArguments[0].Value is not string name
            || _attribute.ConstructorArguments[1].Kind != TypedConstantKind.Array
            || _attribute.ConstructorArguments[1].IsNull)
        {
            return null;
        }

        int before = _problems.Count;
        bool isTensor = CheckProperty();
        string? repeat = Named("Repeat") is { IsNull: false } r ? r.Value as string : null;
        if (isTensor)
        {
            CheckRepetition(name, repeat);
        }

        ImmutableArray<TypedConstant> extents = _attribute.ConstructorArguments[1].Values;
        if (extents.Length is < 1 or > 4)
        {
            Report(Diagnostics.Rank, _syntax.GetLocation(), _property.Name, $"{extents.Length}");
        }

        ShapeExpression?[] shape = [.. extents.Select((extent, i) => Parse(extent.Value as string, ArgumentLocation(i + 1), 0))];
        ShapeExpression? count = repeat is null ? null : Parse(repeat, NamedLocation("Repeat"), 0);
        ShapeExpression? unit = Parse(Named("Unit")?.Value as string ?? "1", NamedLocation("Unit"), 0);
        ShapeExpression? groups = Named("Groups") is { IsNull: false } g ? Parse(g.Value as string, NamedLocation("Groups"), 0) : null;
        (ShapeExpression Extent, ShapeExpression Unit, bool Shared)[] parts = Parts();
        if (_problems.Count == before)
        {
            new SplitRules(this, _config).Check(shape!, repeat is not null, unit!, parts);
        }

        return _problems.Count > before ? null : new WeightModel(
            _property.Name,
            name,
            new EquatableArray<string>([.. shape.Select(e => e!.Code)]),
            "[" + string.Join(", ", shape.Select(e => e!.Text)) + "]",
            Split("Split"),
            Split("ExpertSplit"),
            unit!.Code,
            SharedUnits,
            groups?.Code,
            Interleaved,
            new EquatableArray<PartModel>([.. parts.Select(p => new PartModel(p.Extent.Code, p.Unit.Code, p.Shared))]),
            count?.Code);
    }

    public string Property => _property.Name;

    public bool SharedUnits => Named("SharedUnits")?.Value is true;

    public bool HasGroups => Named("Groups") is { IsNull: false };

    public bool Interleaved => Named("Interleaved")?.Value is true;

    public void Report(DiagnosticDescriptor descriptor, Location location, params string[] arguments) =>
        _problems.Add(DiagnosticInfo.At(descriptor, location, arguments));

    /// <summary>The name of a TensorSplit argument's value.</summary>
    public string Split(string argument)
    {
        TypedConstant? value = Named(argument);
        IFieldSymbol? member = value?.Type?.GetMembers().OfType<IFieldSymbol>()
            .FirstOrDefault(f => f.HasConstantValue && Equals(f.ConstantValue, value.Value.Value));
        return member?.Name ?? "Replicated";
    }

    /// <summary>Where the positional argument of this index is written.</summary>
    public Location ArgumentLocation(int index)
    {
        AttributeArgumentSyntax[] positional =
            [.. _syntax.ArgumentList?.Arguments.Where(a => a.NameEquals is null && a.NameColon is null) ?? []];
        return index < positional.Length ? positional[index].Expression.GetLocation() : _syntax.GetLocation();
    }

    /// <summary>Where the value of a named argument is written.</summary>
    public Location NamedLocation(string name) => _syntax.ArgumentList?.Arguments
        .FirstOrDefault(a => a.NameEquals?.Name.Identifier.ValueText == name)?.Expression.GetLocation() ?? _syntax.GetLocation();

    private TypedConstant? Named(string name)
    {
        foreach (KeyValuePair<string, TypedConstant> argument in _attribute.NamedArguments)
        {
            if (argument.Key == name)
            {
                return argument.Value;
            }
        }

        return null;
    }

    private bool CheckProperty()
    {
        Location location = _property.Locations[0];
        string type = _property.Type.ToDisplayString();
        bool isTensor = type is "Lean.Tensors.Tensor" or "Lean.Tensors.Tensor[]";
        if (!isTensor)
        {
            Report(Diagnostics.NotTensor, location, _property.Name, type);
        }

        if (_property.SetMethod is null || !_property.IsRequired)
        {
            Report(Diagnostics.NotSettable, location, _property.Name);
        }

        return isTensor;
    }

    private void CheckRepetition(string name, string? repeat)
    {
        bool isArray = _property.Type is IArrayTypeSymbol;
        bool hasIndex = name.Contains("{e}");
        string? problem = (isArray, hasIndex, repeat) switch
        {
            (true, _, null) => "a Tensor[] needs Repeat to say how many tensors there are",
            (true, false, _) => "a Tensor[] needs {e} in its name, where the index goes",
            (false, _, not null) => "Repeat needs the property to be a Tensor[]",
            (false, true, _) => "{e} in the name needs the property to be a Tensor[]",
            _ => null,
        };
        if (problem is not null)
        {
            Report(Diagnostics.Repetition, ArgumentLocation(0), _property.Name, problem);
        }
    }

    private (ShapeExpression Extent, ShapeExpression Unit, bool Shared)[] Parts()
    {
        if (Named("Parts") is not { IsNull: false } list)
        {
            return [];
        }

        Location location = NamedLocation("Parts");
        var parts = new List<(ShapeExpression, ShapeExpression, bool)>();
        foreach (string whole in list.Values.Select(v => v.Value as string ?? string.Empty))
        {
            bool shared = whole.EndsWith(SharedPart, StringComparison.Ordinal);
            string text = shared ? whole.Substring(0, whole.Length - SharedPart.Length) : whole;
            int colon = text.IndexOf(':');
            ShapeExpression? extent = Parse(colon < 0 ? text : text.Substring(0, colon), location, 0);
            ShapeExpression? unit = colon < 0 ? Parse("1", location, 0) : Parse(text.Substring(colon + 1), location, colon + 1);
            if (extent is not null && unit is not null)
            {
                parts.Add((extent, unit, shared));
            }
        }

        return [.. parts];
    }

    private ShapeExpression? Parse(string? text, Location location, int offset)
    {
        text ??= string.Empty;
        ShapeExpression? expression = ShapeExpressionParser.Parse(text, out int position, out string problem);
        if (expression is null)
        {
            Report(Diagnostics.BadExpression, Inside(location, position, 1), _property.Name, text, $"{offset + position + 1}", problem);
            return null;
        }

        foreach ((string symbol, int start) in expression.Symbols)
        {
            _used.Add(symbol);
            if (!_config.Contains(symbol))
            {
                Report(
                    Diagnostics.UnknownSymbol, Inside(location, start, symbol.Length), _property.Name, symbol, _config.Nearest(symbol));
            }
        }

        return expression;
    }

    // The place inside a plain string literal; elsewhere (a constant, an array of literals) the whole argument.
    private static Location Inside(Location location, int position, int length)
    {
        SyntaxNode? node = location.SourceTree?.GetRoot().FindNode(location.SourceSpan, getInnermostNodeForTie: true);
        if (node is not LiteralExpressionSyntax literal || literal.Token.Text != $"\"{literal.Token.ValueText}\"")
        {
            return location;
        }

        int end = literal.Span.End;
        int start = Math.Min(literal.SpanStart + 1 + position, end - 1);
        return Location.Create(location.SourceTree!, TextSpan.FromBounds(start, Math.Min(start + length, end)));
    }
}
