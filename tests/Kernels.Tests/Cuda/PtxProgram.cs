using System.Globalization;
using System.Text.RegularExpressions;

namespace Lean.Kernels.Tests;

/// <summary>The text of one kernel, cut into instructions.</summary>
internal sealed partial class PtxProgram
{
    private readonly Dictionary<string, int> _labels = [];
    private readonly Dictionary<string, int> _registers = [];
    private readonly Dictionary<ulong, int> _constants = [];
    private readonly HashSet<string> _names = [];
    private readonly Dictionary<string, int> _shared = [];
    private readonly List<(string Name, int Bytes)> _parameters = [];

    public PtxProgram(string text)
    {
        var drafts = new List<(string Statement, int Line)>();
        int number = 0;
        foreach (string line in text.Split('\n').Select(l => l.Trim()))
        {
            number++;
            if (Parameter().Match(line) is { Success: true } parameter)
            {
                _parameters.Add((parameter.Groups[2].Value, parameter.Groups[3].Success ? int.Parse(parameter.Groups[3].ValueSpan) : int.Parse(parameter.Groups[1].ValueSpan) / 8));
            }
            else if (Threads().Match(line) is { Success: true } threads)
            {
                ThreadCount = int.Parse(threads.Groups[1].ValueSpan);
            }
            else if (Groups().Match(line) is { Success: true } groups)
            {
                ClusterCount = int.Parse(groups.Groups[1].ValueSpan);
            }
            else if (SharedArray().Match(line) is { Success: true } array)
            {
                _shared.Add(array.Groups[1].Value, SharedBytes);
                SharedBytes += (int.Parse(array.Groups[2].ValueSpan) + 15) / 16 * 16;
            }
            else if (!line.StartsWith("//", StringComparison.Ordinal) && !Header().IsMatch(line))
            {
                Read(line, number, drafts);
            }
        }

        Nothing = Constant(0);
        Code = [.. drafts.Select(d => Instruction(d.Statement, d.Line))];
    }

    /// <summary>Threads of a group.</summary>
    public int ThreadCount { get; }

    /// <summary>Groups of a cluster.</summary>
    public int ClusterCount { get; } = 1;

    public PtxInstruction[] Code { get; }

    public IReadOnlyList<(string Name, int Bytes)> Parameters => _parameters;

    /// <summary>Registers of a thread. What the text has for an operand is one as well, a number or a name, so that all operands are read alike.</summary>
    public int RegisterCount => _registers.Count;

    /// <summary>The register that holds zero.</summary>
    public int Nothing { get; }

    /// <summary>Of the arrays that the text declares.</summary>
    public int SharedBytes { get; }

    /// <summary>Where such an array begins, if the name is one's.</summary>
    public bool TryShared(string name, out int offset) => _shared.TryGetValue(name, out offset);

    /// <summary>Where a label stands.</summary>
    public int Label(string name) => _labels[name];

    /// <summary>A parameter's number.</summary>
    public int Parameter(string name)
    {
        int index = _parameters.FindIndex(p => p.Name == name);
        return index >= 0 ? index : throw new InvalidOperationException($"nothing is called {name}");
    }

    /// <summary>The register of a name of the machine's, or -1 where the text has it nowhere.</summary>
    public int Find(string name) => _registers.GetValueOrDefault(name, -1);

    /// <summary>What a thread's registers begin with: numbers of the text, what names stand for, and zero.</summary>
    /// <param name="named">What a name stands for.</param>
    public ulong[] Begin(Func<string, ulong> named)
    {
        var registers = new ulong[RegisterCount];
        foreach ((ulong value, int register) in _constants)
        {
            registers[register] = value;
        }

        foreach (string name in _names)
        {
            registers[_registers[name]] = named(name);
        }

        return registers;
    }

    // Names that a line declares in a scope of its own get the line's number.
    private void Read(string line, int number, List<(string, int)> drafts)
    {
        if (line.StartsWith('{') && line.Length > 1)
        {
            line = line[1..line.LastIndexOf('}')];
            foreach (string name in ScopedRegisters().Matches(line).SelectMany(m => m.Groups[1].Value.Split(',', StringSplitOptions.TrimEntries))
                .Concat(ScopedLabel().Matches(line).Select(m => m.Groups[1].Value)))
            {
                line = Regex.Replace(line, $@"\b{name}\b(?!\.)", $"{name}__{number}");
            }
        }

        foreach (string part in line.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            string statement = part;
            while (LabelFront().Match(statement) is { Success: true } label)
            {
                _labels.Add(label.Groups[1].Value, drafts.Count);
                statement = statement[label.Length..].Trim();
            }

            if (statement.Length > 0 && !statement.StartsWith('.') && statement is not ("{" or "}" or "(" or ")"))
            {
                drafts.Add((statement, number));
            }
        }
    }

    private PtxInstruction Instruction(string statement, int line)
    {
        string? predicate = null;
        bool negated = false;
        if (statement.StartsWith('@'))
        {
            int end = statement.IndexOfAny([' ', '\t']);
            negated = statement[1] == '!';
            predicate = statement[(negated ? 2 : 1)..end];
            statement = statement[end..].Trim();
        }

        int cut = statement.IndexOfAny([' ', '\t']);
        string operation = cut < 0 ? statement : statement[..cut];
        PtxOperand[] operands = cut < 0 ? [] : [.. Split(statement[cut..]).Select(o => Operand(o, operation))];
        return new PtxInstruction(this, operation, operands, predicate is null ? -1 : Register(predicate), negated, line, statement);
    }

    private PtxOperand Operand(string text, string operation)
    {
        if (text[0] is '{' or '[')
        {
            PtxOperand[] parts = [.. Split(text[1..^1]).Select(o => Operand(o, operation))];
            return new PtxOperand(0, parts.Length == 1 ? parts[0].Register : Nothing, 0, null, parts);
        }

        if (text.StartsWith("0f", StringComparison.Ordinal))
        {
            return Number(uint.Parse(text.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
        }

        if (text.StartsWith("0x", StringComparison.Ordinal))
        {
            return Number(ulong.Parse(text.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
        }

        if (char.IsDigit(text[0]) || text[0] == '-')
        {
            return Number(text[0] == '-' ? (ulong)long.Parse(text, CultureInfo.InvariantCulture) : ulong.Parse(text, CultureInfo.InvariantCulture));
        }

        // name+8, a parameter's address; or a label; or a name that the machine knows; or a register.
        string[] sum = text.Split('+');
        bool target = operation.StartsWith("bra", StringComparison.Ordinal);
        bool named = text.StartsWith('_') || text.Contains('.', StringComparison.Ordinal) || text == "dynamic_shared";
        if (named && !target)
        {
            _names.Add(sum[0]);
        }

        return new PtxOperand(0, target ? Nothing : Register(named ? sum[0] : text), sum.Length > 1 ? int.Parse(sum[1], CultureInfo.InvariantCulture) : 0, named || target ? sum[0] : null, []);
    }

    private PtxOperand Number(ulong value) => new(value, Constant(value), 0, null, []);

    private int Constant(ulong value)
    {
        if (!_constants.TryGetValue(value, out int index))
        {
            _constants.Add(value, index = Register($"={value}"));
        }

        return index;
    }

    private int Register(string name)
    {
        if (!_registers.TryGetValue(name, out int index))
        {
            _registers.Add(name, index = _registers.Count);
        }

        return index;
    }

    private static IEnumerable<string> Split(string list)
    {
        int depth = 0, start = 0;
        for (int i = 0; i <= list.Length; i++)
        {
            if (i == list.Length || (list[i] == ',' && depth == 0))
            {
                yield return list[start..i].Trim();
                start = i + 1;
            }
            else
            {
                depth += list[i] is '{' or '[' ? 1 : list[i] is '}' or ']' ? -1 : 0;
            }
        }
    }

    [GeneratedRegex(@"^\.param (?:\.align \d+ )?\.[bf](\d+) (\w+)(?:\[(\d+)\])?")]
    private static partial Regex Parameter();

    [GeneratedRegex(@"^\.shared \.align \d+ \.b8 (\w+)\[(\d+)\]")]
    private static partial Regex SharedArray();

    [GeneratedRegex(@"^\.maxntid (\d+)")]
    private static partial Regex Threads();

    [GeneratedRegex(@"^\.reqnctapercluster (\d+)")]
    private static partial Regex Groups();

    [GeneratedRegex(@"^\.(version|target|address_size|extern|visible|minnctapersm|explicitcluster|reg)\b")]
    private static partial Regex Header();

    [GeneratedRegex(@"\.reg \.\w+ ([\w, ]+)")]
    private static partial Regex ScopedRegisters();

    [GeneratedRegex(@"\b([A-Z]+):(?!:)")]
    private static partial Regex ScopedLabel();

    [GeneratedRegex(@"^(\w+):(?!:)")]
    private static partial Regex LabelFront();
}
