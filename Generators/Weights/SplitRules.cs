namespace Lean.Generators.Weights;

/// <summary>What must hold between a weight's shape, split, unit and parts.</summary>
internal sealed class SplitRules
{
    private readonly WeightReader _weight;
    private readonly ConfigSymbols _config;

    public SplitRules(WeightReader weight, ConfigSymbols config) => (_weight, _config) = (weight, config);

    public void Check(
        ShapeExpression[] shape, bool repeated, ShapeExpression unit, (ShapeExpression Extent, ShapeExpression Unit, bool Shared)[] parts)
    {
        string split = _weight.Split("Split");
        string inner = _weight.Split("ExpertSplit");
        bool experts = split == "Experts";
        string effective = experts ? inner : split;

        // A stacked tensor's first dimension counts experts; what is divided lies inside.
        int first = experts && !repeated ? 1 : 0;
        string? contradiction =
            !experts && inner != "Replicated" ? "ExpertSplit needs Split = TensorSplit.Experts" :
            inner == "Experts" ? "ExpertSplit says how one expert is divided, so it cannot be Experts" :
            shape.Length <= first ? "a tensor of all experts needs a dimension inside each expert" :
            effective == "Columns" && shape.Length - first < 2 ? "Columns needs a tensor of two dimensions or more" :
            effective is not ("Rows" or "Columns") && unit.Code != "1" ? "Unit needs rows or columns to be divided" :
            effective != "Rows" && _weight.SharedUnits ? "SharedUnits needs rows to be divided" :
            effective is not ("Rows" or "Columns") && _weight.HasGroups ? "Groups needs rows or columns to be divided" :
            !_weight.HasGroups && (_weight.SharedUnits || parts.Any(static p => p.Shared)) ? "shared units need Groups, whose ranks share them" :
            !_weight.HasGroups && _weight.Interleaved ? "Interleaved needs Groups, in which the parts lie together" :
            parts.Length > 0 && unit.Code != "1" ? "with Parts, each part gives its own unit" : null;
        if (contradiction is not null)
        {
            _weight.Report(Diagnostics.Contradiction, _weight.NamedLocation("Split"), _weight.Property, contradiction);
            return;
        }

        if (parts.Length == 0)
        {
            return;
        }

        if (effective is not ("Rows" or "Columns"))
        {
            _weight.Report(Diagnostics.PartsWithoutSplit, _weight.NamedLocation("Parts"), _weight.Property, effective);
            return;
        }

        CheckSum(shape[effective == "Rows" ? first : shape.Length - 1], parts);
    }

    private void CheckSum(ShapeExpression divided, (ShapeExpression Extent, ShapeExpression Unit, bool Shared)[] parts)
    {
        IEnumerable<ShapeExpression> all = parts.Select(p => p.Extent).Append(divided);

        // A quotient or a computed property may equal another expression that looks different: left to the run-time check.
        bool decidable = all.All(e => e.Value is not null && e.Symbols.All(s => _config.IsStored(s.Name)));
        Polynomial sum = parts.Aggregate(Polynomial.Constant(0), (total, part) => total.Plus(part.Extent.Value ?? Polynomial.Constant(0)));
        if (decidable && !sum.IsSameAs(divided.Value!))
        {
            _weight.Report(
                Diagnostics.PartsDoNotAddUp, _weight.NamedLocation("Parts"), _weight.Property,
                string.Join(" + ", parts.Select(p => p.Extent.Text)), divided.Text);
        }
    }
}
