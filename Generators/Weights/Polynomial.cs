namespace Lean.Generators.Weights;

/// <summary>
/// A sum of products of symbols in a normal form: two expressions that agree for all values have equal polynomials.
/// </summary>
internal sealed class Polynomial
{
    // From the sorted symbols of a product, joined by '*', to its coefficient; never zero.
    private readonly SortedDictionary<string, long> _terms = new(StringComparer.Ordinal);

    public static Polynomial Constant(long value)
    {
        var result = new Polynomial();
        result.AddTerm(string.Empty, value);
        return result;
    }

    public static Polynomial Symbol(string name)
    {
        var result = new Polynomial();
        result.AddTerm(name, 1);
        return result;
    }

    public Polynomial Plus(Polynomial other, int sign = 1)
    {
        var result = new Polynomial();
        foreach (KeyValuePair<string, long> term in _terms)
        {
            result.AddTerm(term.Key, term.Value);
        }

        foreach (KeyValuePair<string, long> term in other._terms)
        {
            result.AddTerm(term.Key, sign * term.Value);
        }

        return result;
    }

    public Polynomial Times(Polynomial other)
    {
        var result = new Polynomial();
        foreach (KeyValuePair<string, long> left in _terms)
        {
            foreach (KeyValuePair<string, long> right in other._terms)
            {
                IEnumerable<string> symbols = $"{left.Key}*{right.Key}".Split('*').Where(s => s.Length > 0);
                result.AddTerm(string.Join("*", symbols.OrderBy(s => s, StringComparer.Ordinal)), unchecked(left.Value * right.Value));
            }
        }

        return result;
    }

    public bool IsSameAs(Polynomial other) => _terms.SequenceEqual(other._terms);

    private void AddTerm(string product, long coefficient)
    {
        _terms.TryGetValue(product, out long sum);
        sum = unchecked(sum + coefficient);
        if (sum == 0)
        {
            _terms.Remove(product);
        }
        else
        {
            _terms[product] = sum;
        }
    }
}
