using RollbackConsole.Steps.Running;

namespace RollbackConsole.Steps.Postgres;

/// <summary>Rewrites the plain script of pg_restore so that its tables land in another schema.
/// Only table definitions and their rows go over: sequences, defaults and triggers belong to the living tables.</summary>
internal static class DumpScript
{
    private const string CreateTable = "CREATE TABLE ";
    private const string Copy = "COPY ";

    /// <summary>Writes the script and answers with the names of the tables that it fills.</summary>
    public static async Task<List<string>> Redirect(Stream dump, string script, string schema, CancellationToken ct)
    {
        var filled = new List<string>();
        var target = PostgresTools.Quote(schema);
        using var reader = new StreamReader(dump);
        await using var writer = new StreamWriter(script);
        await writer.WriteLineAsync($"drop schema if exists {target} cascade; create schema {target};");
        await writer.WriteLineAsync("set client_encoding = 'UTF8'; set standard_conforming_strings = on; set check_function_bodies = false;");
        var (keepUntil, closed) = ("", false);
        while (await reader.ReadLineAsync(ct) is { } line)
        {
            if (keepUntil == "\\.")
            {
                await writer.WriteLineAsync(line);
                if (line == keepUntil) keepUntil = "";
            }
            else if (keepUntil == ");")
            {
                // What follows the closing bracket (partitioning, inheritance, storage) binds a table to living ones; a copy is plain.
                if (line.StartsWith(')')) await writer.WriteLineAsync(");");
                // A column default may call a function or sequence that is no more; copies need none.
                else if (!closed) await writer.WriteLineAsync(WithoutDefault(line));
                closed |= line.StartsWith(')');
                if (closed && line.EndsWith(';')) keepUntil = "";
            }
            else if (line.StartsWith("SET client_encoding = ", StringComparison.Ordinal) && !line.Contains("'UTF8'", StringComparison.Ordinal))
            {
                throw new StepInputException($"The backup is not in UTF-8 ({line.TrimEnd(';')}); take it with --encoding=UTF8, or its letters would be lost.");
            }
            else if (line.StartsWith(CreateTable, StringComparison.Ordinal))
            {
                await writer.WriteLineAsync($"{CreateTable}{target}.{Bare(line[CreateTable.Length..])}");
                (keepUntil, closed) = (");", false);
            }
            else if (line.StartsWith(Copy, StringComparison.Ordinal) && line.EndsWith(" FROM stdin;", StringComparison.Ordinal))
            {
                var rest = Bare(line[Copy.Length..]);
                filled.Add(rest[..rest.IndexOf(' ', StringComparison.Ordinal)].Trim('"'));
                await writer.WriteLineAsync($"{Copy}{target}.{rest}");
                keepUntil = "\\.";
            }
        }
        return filled;
    }

    /// <summary>Takes the schema's name off the front: <c>public.orders (…)</c> becomes <c>orders (…)</c>.</summary>
    private static string Bare(string text)
    {
        var quoted = false;
        for (var i = 0; i < text.Length && (quoted || text[i] != ' '); i++)
        {
            if (text[i] == '"') quoted = !quoted;
            if (text[i] == '.' && !quoted) return text[(i + 1)..];
        }
        return text;
    }

    private static string WithoutDefault(string line)
    {
        var at = line.IndexOf(" DEFAULT ", StringComparison.Ordinal);
        if (at < 0) return line;
        var end = line.EndsWith(" NOT NULL,", StringComparison.Ordinal) ? " NOT NULL," : line.EndsWith(" NOT NULL", StringComparison.Ordinal) ? " NOT NULL" : line.EndsWith(',') ? "," : "";
        return line[..at] + end;
    }
}
